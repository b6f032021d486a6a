"""LLM.int8(): bitsandbytes' own numbers, close to the floats, and saved ones never become floats."""

import os
import subprocess
import sys
from pathlib import Path

import bitsandbytes
import pytest
import torch
from torch import Tensor, nn

from inference.errors import InvalidCheckpoint
from inference.kernels.cpu.compiler import is_supported
from inference.kernels.int8_linear import dequantize, has_exact_int8, int8_linear
from inference.loading.int8 import quantize
from inference.loading.registry import load_model
from inference.models.layers import Int8Linear, PanelLinear
from testbed.unpack import unpack

from ..tiny_checkpoints import Driver, edit_weights, random_sequences, whole, write_glm4

LAYERS = 3
PROJECTIONS = (
    "self_attn.q_proj",
    "self_attn.k_proj",
    "self_attn.v_proj",
    "self_attn.o_proj",
    "mlp.gate_up_proj",
    "mlp.down_proj",
)
WEIGHT_ERROR = 0.5 / 127 + 2**-11  # of a row's largest weight: half a step, and rounding to 16 bits
LOGIT_ERROR = 0.1  # of the logits' standard deviation, root mean square; random weights are the worst case


def logits(directory: Path, quantization: str, device: str) -> Tensor:
    decoder = load_model(str(directory), device, quantization).decoder
    sequences = random_sequences((60,))
    return Driver(decoder).run(sequences, whole(sequences))[0]


def save_in_int8(directory: Path, modules: tuple[str, ...], device: str) -> None:
    """Rewrites the weights as transformers saves a model that bitsandbytes has quantised."""
    reference = write_glm4(directory)
    saved: dict[str, Tensor | None] = {}
    for name in modules:
        linear = reference.get_submodule(name)
        quantized = bitsandbytes.nn.Linear8bitLt(*linear.weight.shape[::-1], False, has_fp16_weights=False)
        quantized.weight = bitsandbytes.nn.Int8Params(linear.weight.detach(), requires_grad=False)
        for key, tensor in quantized.to(device).state_dict().items():
            saved[f"{name}.{key}"] = tensor.cpu()
    edit_weights(directory, saved)


def test_weights_are_quantised_to_the_numbers_of_bitsandbytes(device: str) -> None:
    torch.manual_seed(0)
    weight = torch.randn(48, 64)
    theirs = bitsandbytes.nn.Int8Params(weight, requires_grad=False).to(device)
    ours = quantize(weight.to(device))
    assert torch.equal(ours.cb, theirs.CB)
    assert torch.equal(ours.scb, theirs.SCB)


def test_quantised_weights_are_within_half_a_step() -> None:
    torch.manual_seed(0)
    weight = torch.randn(48, 64)
    ours = quantize(weight)
    error = (dequantize(ours.cb, ours.scb, torch.float32) - weight).abs()
    assert (error <= WEIGHT_ERROR * weight.abs().amax(dim=1, keepdim=True)).all()


def their_linear(weight: Tensor, device: str) -> bitsandbytes.nn.Linear8bitLt:
    linear = bitsandbytes.nn.Linear8bitLt(*weight.shape[::-1], bias=False, has_fp16_weights=False)
    linear.weight = bitsandbytes.nn.Int8Params(weight, requires_grad=False)
    return linear.to(device).eval()  # in training it rounds no activation on the CPU


def test_products_are_those_of_bitsandbytes(device: str) -> None:
    """Equal where both round activations; else within the rounding of bitsandbytes."""
    torch.manual_seed(0)
    weight, rows = torch.randn(48, 64), torch.randn(10, 64, device=device).half()
    expected = their_linear(weight, device)(rows).float()
    ours = quantize(weight.to(device))
    error = (int8_linear(rows.float(), ours.cb, ours.scb / 127) - expected).square().mean().sqrt()
    assert error < (0.001 if device == "cpu" and has_exact_int8() else 0.02) * expected.std()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_products_are_those_of_bitsandbytes_where_it_rounds_no_activation(
    device: str, dtype: torch.dtype
) -> None:
    torch.manual_seed(0)
    weight = torch.randn(48, 64)
    steps = torch.randint(-127, 128, (10, 64), device=device)
    steps[:, 0] = 127  # each row's largest, so that a step equals one in int8
    rows = steps / 64.0
    expected = their_linear(weight, device)(rows.half()).float()
    ours = quantize(weight.to(device))
    found = int8_linear(rows.to(dtype), ours.cb, ours.scb / 127).float()
    tolerance = 2 * torch.finfo(torch.bfloat16 if dtype == torch.bfloat16 else torch.float16).eps
    torch.testing.assert_close(found, expected, rtol=tolerance, atol=tolerance * float(expected.std()))


def test_large_activations_in_16_bits_do_not_overflow(device: str) -> None:
    """A product with the bare int8 numbers would overflow float16, though the result does not."""
    rows = torch.full((3, 512), 4.0, dtype=torch.float16, device=device)
    cb = torch.full((8, 512), 127, dtype=torch.int8, device=device)
    found = int8_linear(rows, cb, torch.full((8,), 1 / 127, device=device))
    torch.testing.assert_close(found, torch.full_like(found, 2048.0))


@pytest.mark.parametrize("tied", [False, True])
def test_logits_stay_close_to_those_of_floats(tmp_path: Path, tied: bool, device: str) -> None:
    write_glm4(tmp_path, tie_word_embeddings=tied)
    exact, rounded = logits(tmp_path, "none", device), logits(tmp_path, "int8", device)
    error = (exact - rounded).square().mean().sqrt() / exact.std()
    assert 0 < error < LOGIT_ERROR


def is_int8_product(module: nn.Module) -> bool:
    is_panel = isinstance(module, PanelLinear) and module.panels.weight.dtype == torch.int8
    return is_panel or isinstance(module, Int8Linear)


@pytest.mark.parametrize("tied", [False, True])
def test_the_output_head_and_the_embedding_can_be_kept(tmp_path: Path, tied: bool, device: str) -> None:
    write_glm4(tmp_path, tie_word_embeddings=tied)
    floats, kept = (
        load_model(str(tmp_path), device, quantization, quantize_head=False).decoder
        for quantization in ("none", "int8")
    )
    assert not any(is_int8_product(each) for each in floats.modules())
    assert [is_int8_product(each) for each in kept.layers.modules()].count(True) == 4 * LAYERS
    rows = floats.embed(torch.arange(20, device=device))
    assert torch.equal(kept.embed(torch.arange(20, device=device)), rows)
    assert torch.equal(kept.logits(rows), floats.logits(rows))
    assert not torch.equal(
        load_model(str(tmp_path), device, "int8").decoder.logits(rows), floats.logits(rows)
    )


def test_a_saved_int8_checkpoint_serves_the_same_numbers(tmp_path: Path, device: str) -> None:
    write_glm4(tmp_path)
    expected = logits(tmp_path, "int8", device)
    layers = tuple(f"model.layers.{i}.{name}" for i in range(LAYERS) for name in PROJECTIONS)
    save_in_int8(tmp_path, (*layers, "lm_head"), device)
    assert torch.equal(logits(tmp_path, "int8", device), expected)


def test_saved_int8_weights_never_become_floats(tmp_path: Path, device: str) -> None:
    layers = tuple(f"model.layers.{i}.{name}" for i in range(LAYERS) for name in PROJECTIONS)
    save_in_int8(tmp_path, layers, device)
    is_fast = device != "cpu" or has_exact_int8() or is_supported()
    quantization = "none" if is_fast else "int8"
    decoder = load_model(str(tmp_path), device, quantization).decoder
    assert not [name for name, each in decoder.layers.named_parameters() if each.dim() > 1]
    matrices = [each for each in decoder.layers.buffers() if each.dim() > 1]
    assert {each.dtype for each in matrices} == {torch.int8}
    assert len(matrices) == 4 * LAYERS


ATTENTION, OUTPUT, MLP = PROJECTIONS[:3], PROJECTIONS[3:4], PROJECTIONS[4:]


@pytest.mark.parametrize("count", [1, 3, 17, 60])
@pytest.mark.parametrize(
    "rounded",
    [
        dict.fromkeys(range(LAYERS), ATTENTION + MLP),
        dict.fromkeys(range(LAYERS), OUTPUT),
        dict.fromkeys(range(LAYERS), MLP),
        dict.fromkeys(range(1, LAYERS), PROJECTIONS),
        {0: PROJECTIONS},
    ],
    ids=[
        "but the output",
        "the output alone",
        "the MLP alone",
        "but the first layer",
        "the first layer alone",
    ],
)
def test_parts_of_a_checkpoint_can_be_int8(
    tmp_path: Path, rounded: dict[int, tuple[str, ...]], count: int, device: str
) -> None:
    names = tuple(f"model.layers.{layer}.{name}" for layer, names in rounded.items() for name in names)
    save_in_int8(tmp_path, names, device)
    sequences = random_sequences((count,))
    found = Driver(load_model(str(tmp_path), device, "none").decoder).run(sequences, whole(sequences))[0]
    unpack(tmp_path, tmp_path / "floats")
    floats = load_model(str(tmp_path / "floats"), device, "none").decoder
    exact = Driver(floats).run(sequences, whole(sequences))[0]
    assert (exact - found).square().mean().sqrt() < LOGIT_ERROR * exact.std()


LOAD_AND_COMPUTE = """
import sys
import torch
sys.modules["llvmlite"] = None  # as if it were not installed
from inference.kernels.cpu.compiler import is_supported
from inference.kernels.int8_linear import has_exact_int8
from inference.loading.registry import load_model
from inference.models.layers import Int8Linear, PackedLinear

assert not has_exact_int8() and not is_supported()
saved, asked = (load_model(sys.argv[1], "cpu", quantization).decoder for quantization in ("none", "int8"))
assert any(isinstance(each, PackedLinear) for each in saved.layers.modules())
assert not any(isinstance(each, Int8Linear) for each in saved.layers.modules())
rows = torch.randn(3, asked.config.intermediate_size)
for ours, theirs in zip(saved.layers, asked.layers, strict=True):
    torch.testing.assert_close(ours.mlp.down_proj(rows), theirs.mlp.down_proj(rows))
"""


def test_saved_int8_weights_are_unpacked_where_the_cpu_does_not_multiply_them_exactly(tmp_path: Path) -> None:
    layers = tuple(f"model.layers.{i}.{name}" for i in range(LAYERS) for name in PROJECTIONS)
    save_in_int8(tmp_path, layers, "cpu")
    subprocess.run(
        [sys.executable, "-c", LOAD_AND_COMPUTE, str(tmp_path)],
        env=os.environ | {"ONEDNN_MAX_CPU_ISA": "AVX2"},
        check=True,
    )


def test_another_format_of_int8_is_refused(tmp_path: Path) -> None:
    name = "model.layers.0.mlp.down_proj"
    save_in_int8(tmp_path, (name,), "cpu")
    edit_weights(tmp_path, {f"{name}.weight_format": torch.tensor(1, dtype=torch.uint8)})
    with pytest.raises(InvalidCheckpoint, match="not in bitsandbytes' row format"):
        load_model(str(tmp_path), "cpu", "none")
