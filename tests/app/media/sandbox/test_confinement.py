"""What a confined process can no longer do, asked of processes that are confined."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from app.media.sandbox.confinement import Posture

from .confined import ALLOWED, DONE, OTHER, REFUSED, REFUSED_BY_KERNEL

PROGRAM = Path(__file__).with_name("confined.py")
ROOT = Path(__file__).parents[4]

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="seccomp and Landlock are Linux's")


def run_confined(name: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, PROGRAM, name],
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_every_layer_holds_on_this_kernel():
    assert Posture.from_bits(int(run_confined("nothing").stdout)).is_full


def test_the_posture_survives_the_wire():
    for bits in range(8):
        assert Posture.from_bits(bits).to_bits() == bits
    assert Posture.from_bits(7).is_full
    assert not Posture.from_bits(5).is_full


@pytest.mark.parametrize("name", ALLOWED)
def test_decoders_keep_what_they_need(name: str):
    assert run_confined(name).returncode == DONE


@pytest.mark.parametrize("name", REFUSED_BY_KERNEL)
def test_the_kernel_refuses_what_no_decoder_needs(name: str):
    assert run_confined(name).returncode == REFUSED


def test_a_busy_process_is_killed_by_its_processor_time():
    assert run_confined("spin").returncode in (-signal.SIGXCPU, -signal.SIGKILL)


def test_a_result_that_is_too_large_is_not_written():
    assert run_confined("large-result").returncode in (-signal.SIGXFSZ, OTHER)


def test_a_crash_leaves_no_core_file():
    assert run_confined("crash").returncode == -signal.SIGSEGV
    assert not list(ROOT.glob("core*"))
