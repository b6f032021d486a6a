"""The steps of devices that share the layers launch, one after the other, what one device would."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch

from inference.kernels.cuda.launch import KernelLaunch
from inference.models.cuda.buffers import DecodeBuffers, PrefillBuffers
from inference.models.cuda.decode_step import DecodeStep
from inference.models.cuda.head import Launch
from inference.models.cuda.prefill_step import PrefillStep
from inference.models.cuda.stage_part import StagePart, part_of
from inference.models.cuda.transfer import transfer_decode, transfer_prefill, transfer_tokens
from inference.models.stages import Stage
from testbed.random_decoder import EMBEDDED, random_decoder

from ...cuda_steps import LONG_ROWS, Steps

META = torch.device("meta")
CPU = torch.device("cpu")
LAYERS = 5


@pytest.fixture(scope="module")
def steps() -> Steps:
    return Steps(random_decoder(replace(EMBEDDED, num_layers=LAYERS), "meta"), 90)


def parts(steps: Steps, ends: Sequence[int]) -> list[tuple[StagePart, slice]]:
    stages = [Stage(META, first, end) for first, end in zip((0, *ends), (*ends, LAYERS), strict=True)]
    return [(part_of(steps.decoder, stage), slice(stage.first, stage.end)) for stage in stages]


def kinds(launches: list[Launch]) -> list[object]:
    return [each.key() if isinstance(each, KernelLaunch) else "cuBLAS" for each in launches]


@pytest.mark.parametrize("ends", [(2,), (1, 4), (1, 2, 3, 4)], ids=["two", "three", "five"])
@pytest.mark.parametrize("rows", [1, 8, 64])
def test_the_parts_of_a_decode_step_are_the_whole(steps: Steps, rows: int, ends: tuple[int, ...]) -> None:
    found: list[Launch] = []
    for part, layers in parts(steps, ends):
        cache = steps.cache[layers]
        found += DecodeStep(steps.decoder, steps.buffers, steps.inputs, cache, rows, 90, part).launches()
    assert kinds(found) == kinds(steps.decode_launches(rows))


@pytest.mark.parametrize("has_digits", [True, False])
def test_the_parts_of_a_prefill_are_the_whole(steps: Steps, has_digits: bool) -> None:
    rows = 256 if has_digits else LONG_ROWS
    found: list[Launch] = []
    for part, layers in parts(steps, (2,)):
        found += PrefillStep(
            steps.decoder,
            steps.prefills[has_digits],
            steps.buffers.axes,
            steps.inputs,
            steps.cache[layers],
            rows,
            steps.tiles(rows),
            90,
            has_digits,
            part,
        ).launches()
    assert kinds(found) == kinds(steps.prefill_launches(rows, has_digits=has_digits))


def test_the_norm_after_a_part_is_the_one_of_the_next_layer(steps: Steps) -> None:
    decoder = random_decoder(replace(EMBEDDED, num_layers=LAYERS), "cpu")
    for index, layer in enumerate(decoder.layers):
        layer.input_layernorm.weight.data.fill_(index)
    decoder.norm.weight.data.fill_(LAYERS)
    first, last = part_of(decoder, Stage(CPU, 0, 2)), part_of(decoder, Stage(CPU, 2, LAYERS))
    assert (first.is_first, first.is_last, last.is_first, last.is_last) == (True, False, False, True)
    gains = [part.gain_after(layer)[0].item() for part in (first, last) for layer in part.layers]
    assert gains == [1, 2, 3, 4, 5]


def fill(buffers: DecodeBuffers | PrefillBuffers, value: float) -> None:
    for name in ("residual", "cosines", "sines", "x_16"):
        if hasattr(buffers, name):
            getattr(buffers, name).fill_(value)
    if hasattr(buffers, "x"):
        buffers.x.values.fill_(value)
        buffers.x.steps.fill_(value)


@pytest.mark.parametrize("kind", ["decode", "short", "long"])
def test_the_rows_of_a_step_and_nothing_else_are_transferred(kind: str) -> None:
    decoder, rows = random_decoder(replace(EMBEDDED, num_layers=1), "cpu"), 8
    if kind == "decode":
        source, target = DecodeBuffers(decoder, CPU, 1), DecodeBuffers(decoder, CPU, 1)
    else:
        has_digits = kind == "short"
        source, target = (PrefillBuffers(decoder, CPU, 64, has_digits=has_digits) for _ in range(2))
    fill(source, 3)
    if kind == "decode":
        transfer_decode(source, target, rows)
    else:
        transfer_prefill(source, target, rows, has_digits=kind == "short")
    names = ["residual", "cosines", "sines"] + (["x_16"] if kind == "long" else [])
    found = [getattr(target, name) for name in names]
    if kind != "long":
        found += [*target.x.values, target.x.steps.T]
    for tensor in found:
        assert (tensor[:rows] == 3).all()
        assert (tensor[rows:] == 0).all()


def test_drawn_tokens_are_transferred() -> None:
    decoder = random_decoder(replace(EMBEDDED, num_layers=1), "cpu")
    source, target = DecodeBuffers(decoder, CPU, 1), DecodeBuffers(decoder, CPU, 1)
    source.tokens.copy_(torch.arange(64))
    transfer_tokens(source, target)
    assert target.tokens.tolist() == list(range(64))
