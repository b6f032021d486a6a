"""FastAPI alone under the gateway's uvicorn settings, for comparison."""

import contextlib
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from testbed.gateways import running_process, wait_until_open
from testbed.servers import free_port


@contextlib.contextmanager
def bare_fastapi() -> Iterator[int]:
    """Yields the port of `benchmarks/bare_app.py` under the same uvicorn."""
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "benchmarks.bare_app:app", "--port", str(port)]
    command += ["--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning"]
    with tempfile.TemporaryDirectory() as directory, running_process(command, {}, Path(directory, "log")):
        wait_until_open(port)
        yield port
