"""The text part of the training and the held-out set: conversations of a weighted mix of all subjects."""

import random

from inference.types import Message, Role, Text
from training.example import LANGUAGES, Language, Split, Turn
from training.text.alarms import alarm
from training.text.arithmetic import arithmetic
from training.text.clock import clock
from training.text.facts import abilities, gateway_question, identity, small_talk
from training.text.launch import launch
from training.text.navigation import back, finish, home, swipe
from training.text.out_of_depth import out_of_depth
from training.text.phrasings import words_by_split
from training.text.pointing import double_tap, long_press, tap
from training.text.repeat import repeat
from training.text.speaker import Speaker, Utterance
from training.text.typing_text import type_text
from training.text.waiting import wait

# How often each is drawn: most often if there is much to copy or to compute, which is learned last.
SUBJECTS = {
    launch: 13,
    type_text: 10,
    tap: 4,
    swipe: 5,
    back: 3,
    home: 3,
    wait: 4,
    long_press: 3,
    double_tap: 3,
    finish: 2,
    alarm: 10,
    clock: 7,
    arithmetic: 16,
    repeat: 12,
    identity: 12,
    abilities: 7,
    small_talk: 5,
    gateway_question: 22,
    out_of_depth: 20,
}
# Kinds whose answers are do(...) or finish(...).
INTENT_KINDS = frozenset("launch type tap swipe back home wait long_press double_tap finish alarm".split())

WITH_SYSTEM_PROMPT = 0.15
WITH_HISTORY = 0.1
_CHOICES, _WEIGHTS = list(SUBJECTS), list(SUBJECTS.values())


def text_turn(rng: random.Random, split: Split, language: Language | None = None) -> Turn:
    speaker = Speaker(rng, split, language or LANGUAGES[rng.random() < 0.5])
    return _turn(speaker, rng.choices(_CHOICES, _WEIGHTS)[0](speaker))


def held_out_turns(seed: int, count_per_kind: int) -> list[Turn]:
    """Return `count_per_kind` conversations of each subject, alternately in English and Chinese."""
    turns = []
    for subject in SUBJECTS:
        rng = random.Random(f"{seed} {subject.__name__}")
        for index in range(count_per_kind):
            speaker = Speaker(rng, "held_out", LANGUAGES[index % 2])
            turns.append(_turn(speaker, subject(speaker)))
    return turns


def _turn(speaker: Speaker, utterance: Utterance) -> Turn:
    messages: list[Message] = []
    if speaker.chance(WITH_SYSTEM_PROMPT):
        prompts = words_by_split("system_prompts")["neutral"][speaker.split][speaker.language]
        messages.append(_message("system", speaker.choose(prompts)))
    if speaker.chance(WITH_HISTORY):
        for _ in range(speaker.between(1, 2)):
            earlier = speaker.rng.choices(_CHOICES, _WEIGHTS)[0](speaker)
            messages += _message("user", earlier.sentence), _message("assistant", earlier.answer)
    messages.append(_message("user", utterance.sentence))
    return Turn(utterance.kind, tuple(messages), utterance.answer, utterance.thinking)


def _message(role: Role, text: str) -> Message:
    return Message(role, (Text(text),))
