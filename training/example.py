"""What the trainer learns from and the evaluation asks: a picture or a recording (or neither) and questions.

The questions of one example are independent of each other: each is asked alone about the same media.
"""

from dataclasses import dataclass
from typing import Literal

from inference.types import Audio, Image, Message, Text

Split = Literal["train", "held_out"]
Language = Literal["en", "zh"]
Box = tuple[int, int, int, int]  # left, top, right, bottom
LANGUAGES: tuple[Language, Language] = ("en", "zh")
FRAME = 1000  # coordinates run from 0 to 999 across the width and down the height


@dataclass(frozen=True, slots=True)
class Turn:
    """A conversation that ends with the user's question, and what the model should say.

    The example's media stand before the text of the last message. `thinking` is what it says inside
    `<think>` when it is asked to think; empty: this question is not used for that. `kind` groups results.
    `box` is (left, top, right, bottom) of what a tap must hit, in thousandths of width and height, 0-999;
    `place`, as such, is where in the picture another answer is found, if it is in one place.
    """

    kind: str
    messages: tuple[Message, ...]
    answer: str
    thinking: str = ""
    box: Box | None = None
    place: Box | None = None


@dataclass(frozen=True, slots=True)
class Mark:
    """Writing, an icon or a shape in a picture, and what it says or is called.

    `box` is (left, top, right, bottom) in shares of the picture's width and height. Characters of
    writing follow each other across it; an icon or a shape is everywhere in it.
    """

    text: str
    box: tuple[float, float, float, float]
    is_writing: bool


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """`transcript` is what is said in an Audio, as it is to be written down; `marks` are an Image's."""

    turns: tuple[Turn, ...]
    media: Image | Audio | None = None
    transcript: str = ""
    marks: tuple[Mark, ...] = ()


def asked(question: str) -> tuple[Message, ...]:
    """A conversation of one question; "" is media without a word."""
    return (Message("user", (Text(question),) if question else ()),)
