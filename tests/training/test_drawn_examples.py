"""For a seed the recipe draws the examples that the shipped weights learned from, byte for byte.

Whoever changes phrasings on purpose records the digests that the failures show.
"""

import hashlib
import random
from collections.abc import Callable, Iterable, Iterator
from itertools import islice, product
from typing import get_args

import pytest

from inference.types import Text
from training.corpus import training_texts
from training.example import LANGUAGES, Split, Turn
from training.speech.dictation import dictation
from training.text.commands import spoken_command
from training.text.examples import SUBJECTS, held_out_turns, text_turn
from training.text.phrasings import DIRECTORY, read, sayings
from training.text.speaker import Speaker, Utterance, ask
from training.vision.fonts import Face, Faces
from training.vision.icons import ICON_NAMES
from training.vision.labels import all_labels, pool, unlisted_label
from training.vision.palette import choose_palette
from training.vision.questions import Questioner, phrase
from training.vision.screens import NAMES
from training.vision.shape_questions import ShapeQuestioner
from training.vision.shapes import COLOURS, SHAPES, Placed
from training.vision.sketch import Element, Sketch
from training.vision.widgets import sentence

SPLITS: tuple[Split, ...] = get_args(Split)
SEEDS = range(3)
DRAWS = 300  # of each seed, split and language
FIELDS = {"name": "Maps", "place": "[1,2]", "ordinal": "first", "things": "stars", "colour": "red"}

DIGESTS = {
    "launch": "bf290302bbab0108",
    "type_text": "b6fc1c3d46672e41",
    "tap": "178339c2f7ccc9d2",
    "swipe": "dd0f1f194b6efde2",
    "back": "17ed521ac63dd597",
    "home": "4407497dec583624",
    "wait": "7192c5563b050a71",
    "long_press": "a93668c661269d42",
    "double_tap": "51975fc5519d8d48",
    "finish": "1a8509068c3bc0fa",
    "alarm": "387cab005274eac0",
    "clock": "bbca29bea0235f81",
    "arithmetic": "8241efe9757920f1",
    "repeat": "41a84159d9f4bdc3",
    "identity": "ba867f49ef7e8877",
    "abilities": "30abb5158f15b792",
    "small_talk": "a2701e6b3d0794a9",
    "gateway_question": "8d2f607384df94a8",
    "out_of_depth": "dc5163fc9d22ad02",
    "phrasings": "e69d9b61983b7151",
    "conversations": "981a9f6d391bc048",
    "spoken commands": "dcdc7db884c2eada",
    "dictations": "15210d67d8f3cd4e",
    "questions beside recordings": "0126a781da9b6503",
    "questions beside pictures": "1cc4aef29ceda96f",
    "labels": "7e2c839c4cfdeb3a",
    "questions about screens": "2fe9e02eac77b0d2",
    "questions about shapes": "3a7522c4f3dfc977",
}


def plain(turn: Turn) -> tuple[object, ...]:
    messages = [
        (message.role, [part.text for part in message.parts if isinstance(part, Text)])
        for message in turn.messages
    ]
    return turn.kind, messages, turn.answer, turn.thinking, turn.box, turn.place


def all_phrasings() -> Iterator[object]:
    """All frames, since draws leave out some of their sentences."""
    everything = [
        saying.phrasings for path in DIRECTORY.glob("*.toml") for saying in read(path).sayings.values()
    ]
    plain_frames = {
        repr(
            [
                (key, [(frame.is_request, frame.parts) for frame in frames])
                for key, frames in each.frames.items()
            ]
        )
        for each in everything
    }
    yield from sorted(plain_frames)


def speakers() -> Iterator[Speaker]:
    for seed, split, language in product(SEEDS, SPLITS, LANGUAGES):
        yield Speaker(random.Random(seed), split, language)


def utterances(subject: Callable[[Speaker], Utterance]) -> Iterator[object]:
    for speaker in speakers():
        for _ in range(DRAWS):
            said = subject(speaker)
            yield said.kind, said.sentence, said.answer, said.thinking


def conversations() -> Iterator[object]:
    for seed, split in product(SEEDS, SPLITS):
        rng = random.Random(seed)
        yield from (plain(text_turn(rng, split)) for _ in range(DRAWS * 2))
    yield from map(plain, held_out_turns(1, 20))


def commands() -> Iterator[object]:
    for speaker in speakers():
        for _ in range(DRAWS):
            said = spoken_command(speaker.rng, speaker.split, speaker.language)
            yield said.kind, said.sentence, said.answer


def dictations() -> Iterator[object]:
    for seed, language in product(SEEDS, LANGUAGES):
        rng = random.Random(seed)
        yield from (dictation(rng, language) for _ in range(DRAWS))


def questions_beside_recordings() -> Iterator[object]:
    for name, speaker in product(("words", "orders"), speakers()):
        for _ in range(DRAWS):
            yield ask(sayings("recordings")[name].phrasings, speaker.rng, speaker.split, speaker.language)
    yield from islice(training_texts(), 1_000)


def questions_beside_pictures() -> Iterator[object]:
    for kind, speaker in product(sayings("pictures"), speakers()):
        for _ in range(DRAWS // 6):
            yield phrase(speaker.rng, kind, speaker.language, speaker.split, **FIELDS, words="hello")


def labels() -> Iterator[object]:
    for speaker in speakers():
        for _ in range(DRAWS):
            yield speaker.rng.choice(all_labels(speaker.language))
            yield speaker.rng.choice(pool("unseen", speaker.language))
            yield speaker.rng.choice(pool("values", speaker.language))
            yield unlisted_label(speaker.rng, speaker.split, speaker.language)


def screens() -> Iterator[object]:
    """Turns about screens of one element of each role; nothing is drawn, so no fonts are needed."""
    face = Face("", "")
    for speaker, kind in product(speakers(), NAMES):
        palette = choose_palette(speaker.rng, speaker.split)
        sketch = Sketch(
            speaker.rng, speaker.split, speaker.language, palette, Faces(face, face), (360, 780), kind
        )
        for index, role in enumerate(
            ("button", "app", "tab", "key", "item", "switch", "field", "title", "number")
        ):
            name = speaker.rng.choice(all_labels(speaker.language))
            top = 40.0 * index
            sketch.add(Element(role, name, (10, top, 200, top + 30), "$3", (210, top, 240, top + 30)))
        sketch.add(Element("icon", speaker.rng.choice(list(ICON_NAMES)), (10, 700, 40, 730)))
        yield from map(plain, Questioner(sketch).turns(100))
        yield from (sentence(sketch) for _ in range(10))


def shapes() -> Iterator[object]:
    for speaker in speakers():
        for _ in range(DRAWS // 20):
            groups = [(speaker.rng.choice(list(SHAPES)), speaker.rng.choice(list(COLOURS))) for _ in range(3)]
            placed = [Placed(group, 50.0 * index, 90.0, 20.0) for index, group in enumerate(groups, 1)]
            yield from map(plain, ShapeQuestioner(speaker.rng, speaker.split, placed, (360, 270)).turns(100))


DRAWN: dict[str, Callable[[], Iterable[object]]] = {
    "phrasings": all_phrasings,
    "conversations": conversations,
    "spoken commands": commands,
    "dictations": dictations,
    "questions beside recordings": questions_beside_recordings,
    "questions beside pictures": questions_beside_pictures,
    "labels": labels,
    "questions about screens": screens,
    "questions about shapes": shapes,
}


def digest(drawn: Iterable[object]) -> str:
    return hashlib.sha256("\n".join(map(repr, drawn)).encode()).hexdigest()[:16]


@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda subject: subject.__name__)
def test_questions_about_a_subject_are_the_same_for_their_seeds(subject):
    assert digest(utterances(subject)) == DIGESTS[subject.__name__]


@pytest.mark.parametrize("name", DRAWN)
def test_examples_are_the_same_for_their_seeds(name):
    assert digest(DRAWN[name]()) == DIGESTS[name]
