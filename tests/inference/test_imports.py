"""Modules that a machine without a GPU does not load."""

import subprocess
import sys

import pytest

MODULES = ("inference.backends.in_process", "inference.engine.engine", "inference.models.cuda.support")


@pytest.mark.parametrize("module", MODULES)
def test_the_engine_imports_no_triton(module: str) -> None:
    script = f"import sys, {module}; sys.exit('triton' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
