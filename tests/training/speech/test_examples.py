"""Examples repeat with their seeds and ask all four questions about what is said in them.

Held-out questions were never asked in training, except for the one that the gateway asks.
"""

import ast
import random
import re
from pathlib import Path

import numpy as np
import pytest

import training
from inference.types import AUDIO_SAMPLE_RATE, Text
from training.example import LANGUAGES, Example, Language, Split
from training.speech.espeak import read_aloud
from training.speech.examples import TRANSCRIBE, held_out, speech_example
from training.text.commands import spoken_command
from training.text.frames import Phrasings
from training.text.phrasings import sayings

from ..phrasing_distance import neighbours, trained_questions

ORDERS, WORDS = (sayings("recordings")[name].phrasings for name in ("orders", "words"))
LOADED_MODEL = Path(training.__file__).parents[1] / "inference" / "loading" / "loaded_model.py"


def question(example: Example, kind: str) -> str:
    (turn,) = (turn for turn in example.turns if turn.kind == kind)
    return "".join(part.text for part in turn.messages[0].parts if isinstance(part, Text))


@pytest.mark.parametrize("split", ["train", "held_out"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_an_example_repeats_with_its_seed_whatever_was_made_between(split, language):
    seeds = range(8 if split == "train" else 3)
    first, again = ([speech_example(random.Random(seed), split, language) for seed in seeds] for _ in "12")
    for one, other in zip(first, again, strict=True):
        assert (one.transcript, one.turns) == (other.transcript, other.turns)
        assert np.array_equal(one.media.samples, other.media.samples)


@pytest.mark.parametrize("language", LANGUAGES)
def test_held_out_examples_are_independent_of_how_many_are_asked_for(language):
    short, long = list(held_out(1, language, 3)), list(held_out(1, language, 5))
    for one, other in zip(short, long, strict=False):
        assert one.transcript == other.transcript
        assert np.array_equal(one.media.samples, other.media.samples)
    assert [example.transcript for example in held_out(2, language, 3)] != [e.transcript for e in short]


@pytest.mark.parametrize("split", ["train", "held_out"])
def test_recordings_are_neither_long_nor_silent_nor_beyond_full_scale(split):
    rng = random.Random(5)
    for _ in range(40 if split == "train" else 12):  # real codecs take their time
        media = speech_example(rng, split).media
        assert media.sample_rate == AUDIO_SAMPLE_RATE
        assert media.samples.dtype == np.float32
        assert 0.999 <= len(media.samples) / AUDIO_SAMPLE_RATE <= 5.001
        assert 0.03 < np.abs(media.samples).max() <= 1


@pytest.mark.parametrize("split", ["train", "held_out"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_words_are_asked_for_twice_and_what_to_do_twice(split, language):
    rng = random.Random(6)
    example = next(
        example for _ in range(50) if len((example := speech_example(rng, split, language)).turns) == 4
    )
    assert question(example, "speech_transcription") == TRANSCRIBE
    assert question(example, "speech_alone") == ""
    for kind, phrasings in (("speech_order", ORDERS), ("speech_words", WORDS)):
        texts = {
            text for one in LANGUAGES for frame in phrasings.frames[split, one] for text in frame.sentences()
        }
        asked = question(example, kind)
        assert asked in texts if split == "held_out" else asked
    for turn in example.turns:
        is_action = turn.kind in ("speech_alone", "speech_order")
        assert (turn.answer != example.transcript) == is_action
        assert (example.transcript in turn.thinking) == is_action


@pytest.mark.parametrize("language", LANGUAGES)
def test_of_dictations_the_words_are_asked_for_and_nothing_to_do(language):
    rng = random.Random(9)
    turns = [speech_example(rng, "train", language).turns for _ in range(16)]
    dictated = [each for each in turns if len(each) == 2]
    assert 3 < len(dictated) < 13
    assert {turn.kind for each in dictated for turn in each} == {"speech_transcription", "speech_words"}


def test_nothing_held_out_is_a_dictation():
    rng = random.Random(10)
    assert all(len(speech_example(rng, "held_out").turns) == 4 for _ in range(6))


def test_both_languages_come_unasked():
    rng = random.Random(7)
    chinese = [re.search("[一-鿿]", speech_example(rng, "train").transcript) for _ in range(20)]
    assert {bool(found) for found in chinese} == {False, True}


@pytest.mark.parametrize("split", ["train", "held_out"])
def test_every_character_of_the_commands_is_read_aloud_in_chinese(split):
    rng = random.Random(8)
    commands = [spoken_command(rng, split, "zh").sentence for _ in range(400)]
    characters = sorted({character for sentence in commands for character in sentence})
    assert len(characters) > 100
    assert "(en)" not in read_aloud("，".join(characters), "cmn")


def letters(phrasings: Phrasings, split: Split, language: Language) -> set[str]:
    """All its sentences, without signs and capitals."""
    frames = phrasings.frames[split, language]
    return {"".join(filter(str.isalnum, text.lower())) for frame in frames for text in frame.sentences()}


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("phrasings", [ORDERS, WORDS])
def test_held_out_questions_are_not_nearly_trained_ones(phrasings, language):
    held_out = [text for frame in phrasings.frames["held_out", language] for text in frame.sentences()]
    assert len(held_out) >= 5
    trained = trained_questions([ORDERS, WORDS], language)
    for question in held_out:
        assert not neighbours(question, trained, language), question


def test_no_question_asks_for_both():
    for split, language in ORDERS.frames:
        assert not letters(ORDERS, split, language) & letters(WORDS, split, language)


def test_a_transcription_is_asked_for_as_the_gateway_does():
    assigned = {
        node.targets[0].id: ast.literal_eval(node.value)
        for node in ast.parse(LOADED_MODEL.read_text()).body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
    }
    assert assigned["TRANSCRIBE"] == TRANSCRIBE
