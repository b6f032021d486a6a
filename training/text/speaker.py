"""A speaker of one language and one split, who speaks aloud or writes.

In training, speakers write as people do on phones: sometimes without capitals or full stops, with polite
words around the sentence, and with typing errors, but never inside a value that the model must copy.
"""

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar
from zlib import crc32

from training.example import Language, Split
from training.text.frames import Phrasings
from training.text.manners import Manners, manners

T = TypeVar("T")

HELD_OUT_SHARE = 8  # one combination of values in this many is never trained on
POLITE = 0.35
FILLER = 0.15
TYPO = 0.12
COPIED = ("{text}", "{text}'", '{text}"')  # a full stop or "please" after it could be part of it
NAME = re.compile(r"(\{\w+\})")
# Nobody says "tell me, could you open Maps?" or "um, good morning".
ASKS = re.compile(
    r"(what|which|how|who|whose|where|when|why|is|are|do|does|did|am)\b.*\?$|(?!能|可以|可不可以|你能|你可以).*？$"
)
GREETS = re.compile(
    r"(hello|hi|hey|good|please|tell me|sorry|so|oh|well|thanks|thank|bye)\b"
    r"|[你您]好|[嗨喂嘿请早晚谢再嗯好]|对不起|抱歉"
)
UNSPOKEN = re.compile(r"[^\w\s']")


@dataclass(frozen=True, slots=True)
class Utterance:
    """What is said and what the model should answer; `thinking` as in `training.example.Turn`."""

    kind: str
    sentence: str
    answer: str
    thinking: str = ""


@dataclass(frozen=True, slots=True)
class Speaker:
    rng: random.Random
    split: Split
    language: Language
    spoken: bool = False

    def choose(self, options: Sequence[T]) -> T:
        return options[int(self.rng.random() * len(options))]

    def chance(self, probability: float) -> bool:
        return self.rng.random() < probability

    def between(self, low: int, high: int) -> int:
        """Both ends included."""
        return low + int(self.rng.random() * (high - low + 1))

    def may_say(self, values: str) -> bool:
        """Return whether this combination of values belongs to the speaker's split."""
        return (crc32(values.encode()) % HELD_OUT_SHARE == 0) == (self.split == "held_out")

    def say(self, phrasings: Phrasings, **values: str) -> str:
        frame = phrasings.choose(self.rng, self.split, self.language)
        sentence = frame.sample(self.rng)
        around = manners(self.split, self.language)
        if frame.is_request and self.chance(POLITE):
            sentence = self._politely(sentence, around)
        if self.spoken:
            return self._aloud(sentence.format_map(values))
        if self.chance(FILLER) and not GREETS.match(sentence):
            fillers = around.before_questions if ASKS.match(sentence) else around.fillers
            sentence = self.choose(fillers) + sentence
        if self.split == "train" and self.chance(TYPO):
            sentence = self._mistyped(sentence)
        return self._punctuated(sentence).format_map(values)

    def _politely(self, sentence: str, around: Manners) -> str:
        if self.chance(0.7):
            sentence = self.choose(around.before) + sentence
        if self.chance(0.4) and not sentence.endswith((*COPIED, "?", "？")):
            after = self.choose(around.after)
            sentence += after if "please" not in after or "please" not in sentence else ""
        return sentence

    def _aloud(self, sentence: str) -> str:
        bare = UNSPOKEN.sub("" if self.language == "zh" else " ", sentence).lower()
        return ("" if self.language == "zh" else " ").join(bare.split())

    def _punctuated(self, sentence: str) -> str:
        question, stops = ("？", ("。", "！")) if self.language == "zh" else ("?", (".", "!"))
        if sentence.endswith(("?", "？")):
            body = sentence[:-1].rstrip()
            sentence = body + question if self.chance(0.65) else body
        elif self.chance(0.35) and not sentence.endswith(COPIED):
            sentence += stops[self.chance(0.15)]
        if self.language == "en":
            if self.chance(0.5):
                sentence = sentence[:1].upper() + sentence[1:]
            if self.chance(0.6):
                sentence = re.sub(r"\bi\b", "I", sentence)
        if self.split == "train" and self.chance(0.06):
            sentence = sentence.replace(",", "").replace("，", "")
        return sentence

    def _mistyped(self, sentence: str) -> str:
        """Leave out, double or swap one letter; in Chinese, double a character or insert a blank."""
        pieces = NAME.split(sentence)
        longest = max(range(0, len(pieces), 2), key=lambda index: len(pieces[index]))
        text = pieces[longest]
        if len(text) < 6:
            return sentence
        at = self.between(1, len(text) - 3)
        if self.language == "zh":
            text = text[:at] + self.choose((" ", text[at])) + text[at:]
        else:
            first, second = text[at], text[at + 1]
            text = text[:at] + self.choose((second, first + first + second, second + first)) + text[at + 2 :]
        pieces[longest] = text
        return "".join(pieces)


def ask(phrasings: Phrasings, rng: random.Random, split: Split, language: Language, **values: str) -> str:
    """Return a question about media: as people write it in training, unchanged if it is held out."""
    if split == "held_out":
        return phrasings.choose(rng, split, language).sample(rng).format_map(values)
    return Speaker(rng, split, language).say(phrasings, **values)
