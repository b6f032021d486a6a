"""The embedded model's abilities on held-out questions.

The tests check shares of correct answers: near ties are decided differently on other processors. The full
figures are in `inference/embedded/README.md`, made by `python -m training.evaluate`. One label in five is a
word that no picture of the training shows.
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
from testbed.unpack import unpack
from training.evaluate import answer_all
from training.held_out import MAX_EXAMPLES, PER_PICTURE, Item, held_out_items
from training.respondents import EngineRespondent
from training.scoring import is_right, score
from training.vision.examples import held_out
from training.vision.labels import all_labels

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

SEED = 3
Pixels = NDArray[np.uint8]


def answers(
    items: Sequence[Item], concurrency: int = 8, model: Path = EMBEDDED_MODEL, is_thinking: bool = False
) -> list[str]:
    async def run() -> list[str]:
        async with EngineRespondent(str(model), "cpu", "none", is_thinking) as respondent:
            return await answer_all(respondent, items, concurrency)

    return asyncio.run(run())


def scored(items: Sequence[Item], answers: Sequence[str]) -> float:
    """In per cent. Of transcripts, errors."""
    return score(items[0].group, list(zip(items, answers, strict=True))).value


def ask(items: Sequence[Item]) -> float:
    return scored(items, answers(items))


@pytest.fixture(scope="module")
def floats(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("unpacked") / "floats"
    unpack(EMBEDDED_MODEL, directory)
    return directory


def with_pixels(items: Sequence[Item], change: Callable[[Pixels], Pixels]) -> list[Item]:
    def changed(media: Image | Audio) -> Image:
        assert isinstance(media, Image)
        return Image(np.ascontiguousarray(change(media.pixels)))

    return with_media(items, changed)


def with_media(items: Sequence[Item], change: Callable[[Image | Audio], Image | Audio]) -> list[Item]:
    return [replace(item, media=change(item.media)) for item in items if item.media is not None]


def titles(count: int) -> list[Item]:
    """Words on screens that the model was trained on, in other fonts. Two of a picture at most."""
    kinds, known = ("read.title", "read.at"), {*all_labels("en"), *all_labels("zh")}
    items: list[Item] = []
    for screen in held_out(SEED, "screen", MAX_EXAMPLES):
        turns = [turn for turn in screen.turns if turn.kind in kinds and turn.answer in known]
        items += [Item("labels read", turn, screen.media) for turn in turns[:PER_PICTURE]]
        if len(items) >= count:
            break
    return items[:count]


@pytest.mark.parametrize(
    ("group", "count", "least"),
    [("text actions", 40, 92), ("labels read", 24, 70), ("spoken commands", 24, 75)],
)
def test_it_is_right_in_a_batch_and_alone_and_in_floats(
    group: str, count: int, least: float, floats: Path
) -> None:
    items = held_out_items(count, SEED, [group])
    together = answers(items)
    assert scored(items, together) >= least
    assert answers(items[:8], concurrency=1) == together[:8]
    assert scored(items, answers(items, model=floats)) >= least


@pytest.mark.parametrize(
    ("group", "count", "least"),
    [("identity and out of depth", 40, 92), ("other text", 40, 90), ("other pictures", 40, 70)],
)
def test_it_answers_other_questions(group: str, count: int, least: float) -> None:
    """Its identity and its limits; sums, times and the gateway; screens and their icons."""
    assert ask(held_out_items(count, SEED, [group])) >= least


@pytest.mark.parametrize(
    ("group", "count", "least"),
    [("text actions", 40, 85), ("identity and out of depth", 40, 85), ("labels read", 16, 60)],
)
def test_it_is_right_after_a_thought(group: str, count: int, least: float) -> None:
    items = held_out_items(count, SEED, [group])
    assert scored(items, answers(items, is_thinking=True)) >= least


def test_it_reads_labels_and_reads_nothing_where_the_picture_is_spoilt() -> None:
    """Detects a wrong resize, swapped axes or a mirrored picture."""
    items = titles(16)
    right = ask(items)
    assert right >= 80
    assert ask(with_pixels(items, lambda pixels: pixels[:, ::-1])) <= right / 2
    squeezed = with_pixels(items, lambda pixels: pixels[::16, ::16].repeat(16, 0).repeat(16, 1))
    assert ask(squeezed) <= right / 2


def test_it_taps_what_is_named_and_misses_what_is_shown_elsewhere() -> None:
    """A picture that does not fill the model's grid, as after a wrong resize."""
    items = held_out_items(32, SEED, ["taps"])
    assert ask(items) >= 84

    def shrunk(pixels: Pixels) -> Pixels:
        smaller = np.zeros_like(pixels)
        part = pixels[::2, ::2]
        smaller[: part.shape[0], : part.shape[1]] = part
        return smaller

    assert ask(with_pixels(items, shrunk)) <= 40


def test_it_names_colours_and_is_misled_by_swapped_channels() -> None:
    reddish_or_blue = re.compile("red|orange|blue|红|橙|蓝", re.IGNORECASE)
    items = held_out_items(40, SEED, ["colours and shapes"])
    assert ask(items) >= 85
    items = [item for item in items if reddish_or_blue.search(item.turn.answer)]
    assert ask(with_pixels(items, lambda pixels: pixels[..., ::-1])) <= 20


def test_it_transcribes_recordings() -> None:
    assert ask(held_out_items(24, SEED, ["english transcripts"])) <= 15
    assert ask(held_out_items(24, SEED, ["chinese transcripts"])) <= 15


def test_it_obeys_spoken_commands_and_fails_at_a_wrong_sample_rate() -> None:
    items = held_out_items(24, SEED, ["spoken commands"])

    def slowed(media: Image | Audio) -> Audio:
        assert isinstance(media, Audio)
        places = np.arange(0, len(media.samples) - 1, 0.625)
        return Audio(np.interp(places, np.arange(len(media.samples)), media.samples).astype(np.float32))

    right = ask(items)
    assert right >= 75
    assert ask(with_media(items, slowed)) <= right / 2


def test_an_answer_is_right_only_to_the_letter() -> None:
    item = held_out_items(1, SEED, ["text actions"])[0]
    assert is_right(item, item.turn.answer + "\n")
    assert not is_right(item, item.turn.answer + ".")
