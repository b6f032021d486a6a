"""What every test is held to: nothing left running, no server silently left out."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent


@pytest.fixture
def run_pytest(tmp_path):
    """Runs pytest over one file of tests beside a copy of the fixtures; returns its output."""

    def run(tests: str, **environment: str) -> str:
        directory = tmp_path / "tests"
        directory.mkdir()
        shutil.copy(HERE / "conftest.py", directory / "conftest.py")
        (directory / "test_it.py").write_text("import asyncio, threading, pytest\n" + tests)
        options = ["-q", "-rs", "-p", "no:cacheprovider", "--import-mode=importlib"]
        options += [f"--rootdir={tmp_path}", "-p", "anyio.pytest_plugin"]
        result = subprocess.run(
            [sys.executable, "-m", "pytest", *options, str(directory)],
            cwd=tmp_path,
            env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", **environment},
            capture_output=True,
            text=True,
        )
        return result.stdout

    return run


def test_a_test_that_leaves_a_thread_or_a_task_running_fails(run_pytest):
    output = run_pytest("""
def test_thread():
    threading.Thread(target=threading.Event().wait, name="stray", daemon=True).start()

@pytest.mark.anyio
async def test_task():
    test_task.kept = asyncio.create_task(asyncio.Event().wait())
""")
    assert re.search(r"threads left running: .*stray", output)
    assert "tasks left running" in output
    assert "2 passed, 2 errors" in output


def test_a_thread_or_a_task_that_is_ending_is_waited_for(run_pytest):
    output = run_pytest("""
@pytest.mark.anyio
async def test_both():
    threading.Timer(0.1, print).start()
    test_both.kept = asyncio.create_task(asyncio.sleep(0.1))
""")
    assert "1 passed" in output
    assert "error" not in output


NEEDS_REDIS = """
def test_it(redis_url):
    pass
"""


def test_a_missing_server_is_a_skip_that_names_its_package(run_pytest):
    output = run_pytest(NEEDS_REDIS, PATH="/nowhere", CI="")
    assert "redis-server is not installed: apt-get install redis-server" in output
    assert "1 skipped" in output


def test_a_missing_server_is_an_error_in_continuous_integration(run_pytest):
    output = run_pytest(NEEDS_REDIS, PATH="/nowhere", CI="true")
    assert "redis-server is not installed: apt-get install redis-server" in output
    assert "1 error" in output
