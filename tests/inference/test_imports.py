"""Modules that a machine without a GPU does not load."""

import subprocess
import sys

MODULES = ("inference.backends.in_process", "inference.engine.engine", "inference.models.cuda.support")


def test_the_engine_imports_no_triton() -> None:
    """One process imports them all: importing torch takes seconds."""
    script = "".join(
        f"import {module}, sys\nif 'triton' in sys.modules: sys.exit({module!r})\n" for module in MODULES
    )
    result = subprocess.run([sys.executable, "-c", script], check=False, capture_output=True, text=True)
    assert (result.returncode, result.stderr) == (0, "")
