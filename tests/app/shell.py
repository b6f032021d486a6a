"""Runs the commands of the documents against a gateway of the tests."""

import asyncio
import os
import sys
from pathlib import Path

PRELUDE = 'curl() { command curl --silent --show-error --fail-with-body "$@"; }'


async def run_shell(script: str, directory: Path, data_dir: Path, **environment: str) -> str:
    """Its output. Fails if any of its commands fails or gets a 4xx or 5xx response."""
    process = await asyncio.create_subprocess_exec(
        *("bash", "-eu", "-o", "pipefail", "-c", f"{PRELUDE}\n{script}"),
        cwd=directory,
        env={
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "GATEWAY_DATA_DIR": str(data_dir),
            **environment,
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode == 0, (out + err).decode()
    return out.decode()
