"""Every kernel of every bucket compiles for Ampere, Ada and Hopper, without such a device.

Shared memory fits the 99 KB of a block on Ada and on Ampere's consumer cards; nothing spills much.
"""

import re
import subprocess
from pathlib import Path

import pytest
import torch
import triton

from inference.kernels.cuda.launch import KernelLaunch
from inference.kernels.cuda.tiles import DECODE_BUCKETS, PREFILL_BUCKETS
from testbed.random_decoder import SHAPES, random_decoder

from ...cuda_steps import LONG_ROWS, Steps

SHARED_BYTES = {80: 101_376, 89: 101_376, 90: 232_448}
MAX_SPILL_BYTES = 256  # a thread
CUOBJDUMP = Path(triton.__file__).parent / "backends" / "nvidia" / "bin" / "cuobjdump"
PARTS = 4  # tests per chip, which run in parallel


def all_launches(shape: str, capability: int) -> list[KernelLaunch]:
    """Of all steps, each kernel once."""
    steps = Steps(random_decoder(SHAPES[shape], "meta"), capability)
    launches = [launch for rows in DECODE_BUCKETS for launch in steps.decode_launches(rows)]
    for rows in PREFILL_BUCKETS:
        launches += steps.prefill_launches(rows, has_digits=True)
    launches += steps.prefill_launches(LONG_ROWS, has_digits=False)
    for rows in DECODE_BUCKETS:
        launches += steps.head_launches(rows, has_digits=True)
    kernels = [launch for launch in launches if isinstance(launch, KernelLaunch)]
    return list({launch.key(): launch for launch in kernels}.values())


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("capability", SHARED_BYTES)
def test_every_kernel_compiles_and_fits_the_chip(capability: int, part: int, tmp_path: Path) -> None:
    launches = all_launches("9B", capability)
    assert len({launch.name for launch in launches}) >= 12
    for launch in launches[part::PARTS]:
        compiled = launch.compile(capability)
        assert compiled.metadata.shared <= SHARED_BYTES[capability], (launch.name, launch.constants)
        registers, stack = resources(compiled.asm["cubin"], tmp_path)
        assert registers <= 255, launch.name
        assert stack <= MAX_SPILL_BYTES, (launch.name, launch.constants, stack)


def resources(cubin: bytes, directory: Path) -> tuple[int, int]:
    """Registers and bytes of local memory of a thread."""
    path = directory / "kernel.cubin"
    path.write_bytes(cubin)
    command = [str(CUOBJDUMP), "--dump-resource-usage", str(path)]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.search(r"REG:(\d+) STACK:(\d+)", output)
    assert found, output
    return int(found[1]), int(found[2])


def test_launches_that_differ_in_a_type_need_another_kernel() -> None:
    launches = all_launches("embedded", 90)
    names = [launch.name for launch in launches]
    assert names.count("begin_kernel") == 3  # a decode's; a prefill's for digits, and for 16 bits
    assert torch.int8 in {each.dtype for each in launches[0].arguments if isinstance(each, torch.Tensor)}
