"""Each kernel is compiled for both kinds of processors, whichever is at hand."""

from functools import partial

import pytest

from inference.kernels.cpu import attention, integer_sums, products, rows
from inference.kernels.cpu.compiler import NARROW, WIDE, Build, machine_for, optimise


@pytest.mark.parametrize("cpu", [NARROW, WIDE])
@pytest.mark.parametrize("kind", ["float", "int8", "integers", "attention", "rows"])
def test_a_kernel_uses_the_registers_of_its_processor(cpu: str, kind: str) -> None:
    build: Build = {
        "float": partial(products.build, name="product", is_int8=False, is_wide=cpu == WIDE),
        "int8": partial(products.build, name="product", is_int8=True, is_wide=cpu == WIDE),
        "integers": partial(integer_sums.build, is_wide=cpu == WIDE),
        "attention": partial(attention.build, head_dim=64),
        "rows": rows.build,
    }[kind]
    module, signatures = optimise(build, cpu)
    assembly = machine_for(cpu).emit_assembly(module)
    assert all(f"\n{name}:" in assembly for name in signatures)
    assert ("%zmm" in assembly) == (cpu == WIDE)
    assert "%ymm" in assembly or cpu == WIDE
    assert ("vpmaddwd" if kind == "integers" else "vfmadd") in assembly
    assert "expf" not in assembly, "a call of the C library would be slow"
