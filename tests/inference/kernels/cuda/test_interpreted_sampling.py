"""The arithmetic of the sampling kernels, where there is no GPU."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).with_name("interpreted_draw.py")
ROOT = Path(__file__).parents[4]


@pytest.mark.slow
def test_kernels_in_the_interpreter_draw_what_the_plain_sampler_draws() -> None:
    environment = os.environ | {"TRITON_INTERPRET": "1", "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    run = subprocess.run([sys.executable, str(PROGRAM)], env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr[-2000:]
