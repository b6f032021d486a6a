"""The launches of a step, their order and their buffers. Needs no GPU."""

from dataclasses import replace
from itertools import pairwise

import pytest

from inference.kernels.cuda.launch import KernelLaunch
from inference.kernels.cuda.tiles import DECODE_BUCKETS, DECODE_ROWS, PREFILL_BUCKETS
from inference.models.cuda.inputs import ALIGNMENT, InputLayout
from testbed.random_decoder import EMBEDDED, NINE_B, random_decoder

from ...cuda_steps import Steps

LAYERS = 3
PRODUCTS = {"linear_kernel": "product", "gemv_kernel": "product"}
LAYER = ["product", "decode_attention_kernel", "combine_kernel", "product", "add_norm_kernel"]
LAYER += ["product", "product", "add_norm_kernel"]


def names(launches: list[object]) -> list[str]:
    return [PRODUCTS.get(each.name, each.name) for each in launches if isinstance(each, KernelLaunch)]


@pytest.fixture(scope="module", params=[NINE_B, EMBEDDED], ids=["9B", "embedded"])
def steps(request: pytest.FixtureRequest) -> Steps:
    return Steps(random_decoder(replace(request.param, num_layers=LAYERS), "meta"), 90)


@pytest.mark.parametrize("rows", DECODE_BUCKETS)
def test_a_decode_step_is_eight_kernels_a_layer_and_four(steps: Steps, rows: int) -> None:
    found = names(steps.decode_launches(rows))
    assert found == ["begin_kernel", *LAYER * LAYERS, "product", "peaks_kernel", "draw_kernel"]


@pytest.mark.parametrize("rows", DECODE_BUCKETS)
def test_kernels_that_add_partial_sums_have_their_number(steps: Steps, rows: int) -> None:
    launches = [each for each in steps.decode_launches(rows) if isinstance(each, KernelLaunch)]
    for launch, reader in pairwise(launches):
        if reader.name in ("add_norm_kernel", "decode_attention_kernel"):
            assert reader.constants["SPLITS"] == launch.constants.get("SPLITS", 1)
    for launch in launches:
        if launch.name == "linear_kernel" and launch.constants["N"] == steps.decoder.config.vocab_size:
            assert launch.constants["SPLITS"] == 1, "no kernel adds the head's"


@pytest.mark.parametrize("rows", PREFILL_BUCKETS)
def test_a_short_prefill_uses_the_weights_as_stored(steps: Steps, rows: int) -> None:
    found = names(steps.prefill_launches(rows, has_digits=True))
    assert "dequantize_kernel" not in found
    assert found.count("product") == 4 * LAYERS
    assert names(steps.prefill_launches(1000, has_digits=False)).count("dequantize_kernel") == 4 * LAYERS


def test_launches_overlap_on_hopper_alone() -> None:
    decoder = random_decoder(EMBEDDED, "meta")
    for capability, overlaps in ((90, True), (89, False), (80, False)):
        launches = Steps(decoder, capability).decode_launches(4)
        found = {each.overlaps for each in launches if isinstance(each, KernelLaunch)}
        assert found == {overlaps}


def test_the_inputs_of_a_decode_are_together_and_aligned() -> None:
    layout = InputLayout(rows=4096, tiles=600, sequences=64, blocks=1600, vocab_size=4096)
    offsets = layout.offsets()
    assert all(offset % ALIGNMENT == 0 for offset in offsets.values())
    order = list(offsets)
    assert order.index("ids") > order.index("prefill_positions")
    assert order[-1] == "tables"
    assert layout.size == offsets["tables"] + 64 * 1600
    assert layout.parts["positions"] == 3 * DECODE_ROWS
