"""The held-out questions of the evaluation, in groups with the goal of each."""

import functools
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from inference.types import Audio, Image, Message, Text
from training.example import LANGUAGES, Example, Language, Turn, asked
from training.speech.examples import held_out as held_out_recordings
from training.text.examples import INTENT_KINDS, held_out_turns
from training.text.phrasings import sayings, words
from training.vision.examples import Kind as PictureKind
from training.vision.examples import held_out as held_out_pictures

TRANSCRIPTION = "speech_transcription"
ORDERS = frozenset({"speech_alone", "speech_order"})

# Group -> what it must reach, in per cent; of transcripts, errors.
GROUPS = {
    "text actions": ">= 95",
    "identity and out of depth": ">= 95",
    "a stranger's words": "",
    "other text": "",
    "taps": ">= 90",
    "labels read": ">= 85",
    "new pairs of words read": "",
    "unseen words read": "",
    "colours and shapes": ">= 95",
    "other pictures": "",
    "english transcripts": "<= 10",
    "chinese transcripts": "<= 12",
    "spoken commands": "",
}
MAX_EXAMPLES = 100_000
PER_PICTURE = 2  # questions of a group; of signs and recordings one
NEW_PAIRS, UNSEEN_WORDS = "new pairs of words read", "unseen words read"
UNGRADED_READS = frozenset({"read.icon", "read.state"})
IDENTITY_AND_OUT_OF_DEPTH = frozenset({"identity", "out_of_depth"})
GROUPS_OF_SIGNS: dict[PictureKind, str] = {"unlisted": NEW_PAIRS, "unseen": UNSEEN_WORDS}
STRANGER = "a stranger's words"


@dataclass(frozen=True, slots=True, eq=False)
class Item:
    """One question, about the media if there are any."""

    group: str
    turn: Turn
    media: Image | Audio | None = None

    @property
    def question(self) -> str:
        """The text of the last message."""
        return "".join(part.text for part in self.turn.messages[-1].parts if isinstance(part, Text))

    @property
    def is_transcription(self) -> bool:
        return self.turn.kind == TRANSCRIPTION


def held_out_items(count: int, seed: int, groups: Sequence[str]) -> list[Item]:
    """Return the same `count` items of each of `groups`, or half for other words. No text occurs twice."""
    items: list[Item] = []
    for make in (_texts, _strangers_texts, _pictures, _recordings):
        items += make(count, seed, [group for group in groups if group in GROUPS])
    return items


def _texts(count: int, seed: int, groups: Sequence[str]) -> list[Item]:
    turns = held_out_turns(seed, count)
    random.Random(seed).shuffle(turns)
    return _first(count, groups, (Item(_text_group(turn), turn) for turn in turns))


def _strangers_texts(count: int, seed: int, groups: Sequence[str]) -> list[Item]:
    """About identity and out of depth, by somebody who knew neither the trained nor the held-out ones."""
    if STRANGER not in groups:
        return []
    known = sayings("identity") | sayings("out_of_depth")
    items = [
        Item(STRANGER, Turn(subject, asked(question), known[subject].answers[language]))
        for subject, questions in words("strangers").items()
        for language in LANGUAGES
        for question in questions[language]
    ]
    return random.Random(seed).sample(items, len(items))[:count]


def _text_group(turn: Turn) -> str:
    if turn.kind in INTENT_KINDS:
        return "text actions"
    return "identity and out of depth" if turn.kind in IDENTITY_AND_OUT_OF_DEPTH else "other text"


def _pictures(count: int, seed: int, groups: Sequence[str]) -> list[Item]:
    """Of the labels that are read, half stand on screens and half on signs; other words on signs alone."""
    sources: dict[PictureKind, dict[str, int]] = {
        "screen": {"taps": count, "labels read": count - count // 2, "other pictures": count},
        "shapes": {"colours and shapes": count},
        "label": {"labels read": count // 2},
        "unlisted": {NEW_PAIRS: count - count // 2},
        "unseen": {UNSEEN_WORDS: count - count // 2},
    }
    items: list[Item] = []
    for kind, counts in sources.items():
        goals = {group: number for group, number in counts.items() if group in groups}
        group_of = functools.partial(_picture_group, kind)
        per_example = PER_PICTURE if kind in ("screen", "shapes") else 1
        items += _taken(held_out_pictures(seed, kind, MAX_EXAMPLES), goals, group_of, per_example)
    return items


def _picture_group(kind: PictureKind, turn: Turn) -> str:
    if kind in GROUPS_OF_SIGNS:
        return GROUPS_OF_SIGNS[kind]
    if not turn.messages[-1].parts:
        return ""  # `/vision` takes no picture without a word
    if turn.box is not None and turn.kind.startswith("tap."):
        return "taps"
    if turn.kind.startswith("read.") and turn.kind not in UNGRADED_READS:
        return "labels read"
    return (
        "colours and shapes"
        if turn.kind in ("shapes.what", "shapes.colour", "shapes.shape")
        else "other pictures"
    )


def _recordings(count: int, seed: int, groups: Sequence[str]) -> list[Item]:
    languages: dict[Language, str] = {"en": "english transcripts", "zh": "chinese transcripts"}
    halves: dict[Language, int] = {"en": count - count // 2, "zh": count // 2}
    items: list[Item] = []
    for language, transcripts in languages.items():
        counts = {transcripts: count, "spoken commands": halves[language]}
        goals = {group: number for group, number in counts.items() if group in groups}
        group_of = functools.partial(_recording_group, transcripts)
        items += _taken(held_out_recordings(seed, language, MAX_EXAMPLES), goals, group_of, 1)
    return items


def _recording_group(transcripts: str, turn: Turn) -> str:
    if turn.kind == TRANSCRIPTION:
        return transcripts
    return "spoken commands" if turn.kind in ORDERS else ""


def _taken(
    examples: Iterator[Example], goals: dict[str, int], group_of: Callable[[Turn], str], per_example: int
) -> list[Item]:
    """Return up to `per_example` questions of each group from each example, until there are enough."""
    left, rngs = dict(goals), {group: random.Random(1) for group in goals}
    items: list[Item] = []
    while any(left.values()):
        example = next(examples)
        for group in goals:
            turns = [turn for turn in example.turns if group_of(turn) == group]
            for turn in rngs[group].sample(turns, min(per_example, left[group], len(turns))):
                items.append(Item(group, turn, example.media))
                left[group] -= 1
    return items


def _first(count: int, groups: Sequence[str], items: Iterator[Item]) -> list[Item]:
    """Return the first items of each group, no conversation twice."""
    goals = dict.fromkeys(groups, count)
    taken: dict[tuple[Message, ...], Item] = {}
    for item in items:
        if goals.get(item.group) and item.turn.messages not in taken:
            taken[item.turn.messages] = item
            goals[item.group] -= 1
    return list(taken.values())
