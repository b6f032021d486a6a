"""torch still has the products that `inference/kernels/onednn.py` uses."""

import platform

import pytest
import torch

from inference.kernels.onednn import has_onednn, has_vnni, int8_product, linear_product, pack_weight

is_x86 = platform.machine() in ("x86_64", "AMD64")


@pytest.mark.skipif(not is_x86, reason="oneDNN's kernels are for x86")
def test_an_x86_cpu_with_avx_has_them() -> None:
    assert has_onednn() == torch.backends.cpu.get_cpu_capability().startswith("AVX")
    assert isinstance(has_vnni(), bool)


@pytest.mark.parametrize("has_bias", [False, True])
def test_a_packed_weight_multiplies_as_a_plain_one(has_bias: bool) -> None:
    if not has_onednn():
        pytest.skip("oneDNN has no kernels for this CPU")
    generator = torch.Generator().manual_seed(0)
    rows, weight = torch.randn(8, 48, generator=generator), torch.randn(32, 48, generator=generator)
    bias = torch.randn(32, generator=generator) if has_bias else None
    expected = torch.nn.functional.linear(rows, weight, bias)
    for each in (weight, pack_weight(weight)):
        torch.testing.assert_close(linear_product()(rows, each, bias, "none", [], ""), expected)


def test_int8_products_are_sums_of_integers() -> None:
    generator = torch.Generator().manual_seed(0)
    rows = torch.randint(-127, 128, (17, 64), dtype=torch.int8, generator=generator)
    weight = torch.randint(-127, 128, (32, 64), dtype=torch.int8, generator=generator)
    found = int8_product(rows // 8, weight.t() // 8)  # small enough for a CPU that adds pairs in 16 bits
    assert found.dtype == torch.int32
    assert torch.equal(found, (rows // 8).int() @ (weight // 8).int().t())
