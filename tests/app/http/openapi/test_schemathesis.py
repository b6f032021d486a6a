"""A fuzzer reads the OpenAPI document and holds the gateway to it, in all of its phases."""

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

from ...conftest import StartGateway

HERE = Path(__file__).parent
EXAMPLES_PER_OPERATION = 15
SEED = 20261124  # a change is judged by its own requests: other seeds are for looking, not for judging

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.timeout(900)]


async def test_gateway_answers_as_its_document_says(start_gateway: StartGateway, tmp_path: Path) -> None:
    gateway = await start_gateway(
        limits={
            "requests_per_minute": 1_000_000,
            "concurrent_requests": 100,
            "auth_attempts_per_minute": 1_000_000,
        }
    )
    environment = os.environ | {
        "GATEWAY_DATA_DIR": str(gateway.services.settings.data_dir),
        "SCHEMATHESIS_HOOKS": "schemathesis_hooks",
        "PYTHONPATH": str(HERE),
        "NO_COLOR": "1",
    }
    command = [str(Path(sys.executable).with_name("st")), "--config-file", str(HERE / "schemathesis.toml")]
    command += ["run", f"http://127.0.0.1:{gateway.port}/openapi.json"]
    command += ["--phases", "examples,coverage,fuzzing,stateful", "--checks", "all"]
    command += ["--max-examples", str(EXAMPLES_PER_OPERATION), "--continue-on-failure"]
    command += ["--seed", os.environ.get("SCHEMATHESIS_SEED", str(SEED))]
    command += ["--report-json-path", str(tmp_path / "report.json")]
    fuzzing = await asyncio.create_subprocess_exec(
        *command,
        cwd=tmp_path,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await fuzzing.communicate()
    assert fuzzing.returncode == 0, output.decode()
    operations = [
        f"{method.upper()} {path}"
        for path, item in json.loads((await gateway.client.get("/openapi.json")).content)["paths"].items()
        for method in item
    ]
    assert f"Tested: {len(operations)}" in output.decode(), "no route is skipped"
