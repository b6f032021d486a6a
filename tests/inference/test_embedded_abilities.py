"""What the embedded model was trained for, on held-out questions: real meaning in, real meaning out.

Shares, not single answers: near ties fall differently on other processors. The full figures are in
`inference/embedded/README.md`, made by `python -m training.evaluate`.
"""

import asyncio
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from inference.config import EMBEDDED_MODEL
from inference.types import Audio, Image
from training.evaluate import ask_all
from training.held_out import Item, held_out_items
from training.respondents import EngineRespondent
from training.scoring import Score, is_right
from training.unpack import unpack

pytestmark = pytest.mark.slow

SEED = 3
Pixels = NDArray[np.uint8]


def ask(items: Sequence[Item], concurrency: int = 8, model: Path = EMBEDDED_MODEL) -> Score:
    async def run() -> Score:
        async with EngineRespondent(str(model), "cpu", "none") as respondent:
            return (await ask_all(respondent, items, concurrency))[items[0].group]

    return asyncio.run(run())


def with_pixels(items: Sequence[Item], change: Callable[[Pixels], Pixels]) -> list[Item]:
    def changed(media: Image | Audio) -> Image:
        assert isinstance(media, Image)
        return Image(np.ascontiguousarray(change(media.pixels)))

    return with_media(items, changed)


def with_media(items: Sequence[Item], change: Callable[[Image | Audio], Image | Audio]) -> list[Item]:
    return [replace(item, media=change(item.media)) for item in items if item.media is not None]


def titles() -> list[Item]:
    kinds = ("read.title", "read.at")
    return [item for item in held_out_items(60, SEED, ["labels read"]) if item.turn.kind in kinds][:16]


def test_commands_become_actions_alone_and_in_a_batch_and_in_floats(tmp_path: Path) -> None:
    items = held_out_items(40, SEED, ["text actions"])
    together, alone = ask(items, concurrency=16), ask(items[:10], concurrency=1)
    assert together.value >= 90
    answers = {id(item): answer for item, answer in together.wrong}
    assert [answers.get(id(item)) for item, answer in alone.wrong] == [answer for _, answer in alone.wrong]
    unpack(EMBEDDED_MODEL, tmp_path / "floats")
    assert ask(items, model=tmp_path / "floats").value >= 90


def test_it_says_who_it_is_and_what_is_beyond_it() -> None:
    assert ask(held_out_items(40, SEED, ["identity and out of depth"])).value >= 85


def test_it_reads_labels_and_numbers() -> None:
    assert ask(held_out_items(24, SEED, ["labels read"])).value >= 75


def test_it_reads_labels_and_reads_nothing_where_the_picture_is_spoilt() -> None:
    """A wrong resize, swapped axes or a mirrored picture would be noticed here."""
    items = titles()
    right = ask(items).value
    assert right >= 75
    assert ask(with_pixels(items, lambda pixels: pixels[:, ::-1])).value <= right / 2
    squeezed = with_pixels(items, lambda pixels: pixels[::16, ::16].repeat(16, 0).repeat(16, 1))
    assert ask(squeezed).value <= right / 2


def test_it_taps_what_is_named_and_misses_what_is_shown_elsewhere() -> None:
    """A picture that does not fill the model's grid, as a wrong resize would have it."""
    items = held_out_items(24, SEED, ["taps"])
    assert ask(items).value >= 80

    def shrunk(pixels: Pixels) -> Pixels:
        smaller = np.zeros_like(pixels)
        part = pixels[::2, ::2]
        smaller[: part.shape[0], : part.shape[1]] = part
        return smaller

    assert ask(with_pixels(items, shrunk)).value <= 40


def test_it_names_colours_and_is_misled_by_swapped_channels() -> None:
    reddish_or_blue = re.compile("red|orange|blue|红|橙|蓝", re.IGNORECASE)
    items = held_out_items(40, SEED, ["colours and shapes"])
    assert ask(items).value >= 80
    items = [item for item in items if reddish_or_blue.search(item.turn.answer)]
    assert ask(with_pixels(items, lambda pixels: pixels[..., ::-1])).value <= 20


def test_it_writes_down_what_is_said() -> None:
    assert ask(held_out_items(24, SEED, ["english transcripts"])).value <= 35
    assert ask(held_out_items(24, SEED, ["chinese transcripts"])).value <= 35


def test_it_hears_commands_and_nothing_right_at_a_wrong_rate() -> None:
    items = held_out_items(24, SEED, ["spoken commands"])

    def slowed(media: Image | Audio) -> Audio:
        assert isinstance(media, Audio)
        places = np.arange(0, len(media.samples) - 1, 0.625)
        return Audio(np.interp(places, np.arange(len(media.samples)), media.samples).astype(np.float32))

    right = ask(items).value
    assert right >= 75
    assert ask(with_media(items, slowed)).value <= right / 2


def test_an_answer_is_right_only_to_the_letter() -> None:
    item = held_out_items(1, SEED, ["text actions"])[0]
    assert is_right(item, item.turn.answer + "\n")
    assert not is_right(item, item.turn.answer + ".")
