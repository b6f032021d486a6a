"""Processes that tests and benchmarks start end with them."""

import subprocess
import sys
from pathlib import Path

import psutil

SECONDS = 30.0
STARTS_ONE_AND_WAITS = """
import sys
from pathlib import Path
from testbed.gateways import running_process
with running_process(["sleep", "600"], {}, Path(sys.argv[1]), None) as process_id:
    print(process_id, flush=True)
    sys.stdin.read()
"""


def test_a_process_ends_also_if_the_one_that_started_it_is_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", STARTS_ONE_AND_WAITS, str(tmp_path / "log")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as starter:
        assert starter.stdout is not None
        started = psutil.Process(int(starter.stdout.readline()))
        assert started.is_running()
        starter.kill()
        started.wait(SECONDS)
