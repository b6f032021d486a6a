"""Phrasings in a small notation: "(open|start)[ up] {app}" is four sentences with a place for an app.

(a|b) is a choice, [a] may be left out, {name} is filled in later, <name> is a choice of the list of that name
in `phrasings/question_forms.toml`. A line that starts with * is a request: polite words may stand round it.
"""

import random
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate, product
from math import log2, prod
from types import MappingProxyType

from training.example import Language, Split

REQUEST = "*"
SIGNS = re.compile(r"[()\[\]|]")
FORM = re.compile(r"<(\w+)>")
OPTIONAL = re.compile(r"\[[^\[\]]*\]")  # a whole frame that may be left out
NO_FORMS: Mapping[str, tuple[str, ...]] = MappingProxyType({})

Sequence = tuple["str | Choice", ...]


@dataclass(frozen=True, slots=True)
class Choice:
    options: tuple[Sequence, ...]


@dataclass(frozen=True, slots=True)
class Frame:
    parts: Sequence
    is_request: bool

    def sample(self, rng: random.Random) -> str:
        """Return one of its sentences, with {names} to be filled in."""
        return _sample(self.parts, rng)

    def sentences(self) -> Iterator[str]:
        """Yield each of its sentences, with {names} to be filled in."""
        yield from _sentences(self.parts)


@dataclass(frozen=True, slots=True)
class Phrasings:
    """All ways to say one thing."""

    frames: dict[tuple[Split, Language], tuple[Frame, ...]]
    weights: dict[tuple[Split, Language], tuple[float, ...]]  # cumulative

    def choose(self, rng: random.Random, split: Split, language: Language) -> Frame:
        """Draw a frame: one of 1,000 sentences comes more often than one of a single one, not 1,000 times."""
        key = split, language
        return rng.choices(self.frames[key], cum_weights=self.weights[key])[0]


def phrasings(all_frames: dict[tuple[Split, Language], tuple[Frame, ...]]) -> Phrasings:
    weights = {
        key: tuple(accumulate(1 + log2(_count(frame.parts)) for frame in some))
        for key, some in all_frames.items()
    }
    return Phrasings(all_frames, weights)


def frames(text: str, forms: Mapping[str, tuple[str, ...]] = NO_FORMS) -> tuple[Frame, ...]:
    """Parse one frame a line; `forms` are the choices that <names> stand for.

    Raises `ValueError`, which shows the line that is no frame, or if there is no frame at all.
    """
    lines = [line for line in map(str.strip, text.splitlines()) if line]
    if not lines:
        raise ValueError("there is no phrasing")
    return tuple(_parse(line, forms) for line in lines)


def _parse(line: str, forms: Mapping[str, tuple[str, ...]]) -> Frame:
    is_request = line.startswith(REQUEST)
    body = line.removeprefix(REQUEST)
    if OPTIONAL.fullmatch(body):
        raise ValueError(f"may be left out as a whole: {line}")
    for name in FORM.findall(body):
        if name not in forms:
            raise ValueError(f"<{name}> is not a question form: {line}")
    body = FORM.sub(lambda form: f"({'|'.join(forms[form[1]])})", body)
    open_choices: list[tuple[str, list[list[str | Choice]]]] = [("", [[]])]
    position = 0
    for sign in SIGNS.finditer(body):
        _, options = open_choices[-1]
        if literal := body[position : sign.start()]:
            options[-1].append(literal)
        position = sign.end()
        if sign[0] in "([":
            open_choices.append((sign[0], [[]]))
        elif sign[0] == "|":
            options.append([])
        else:
            opened, options = open_choices.pop()
            if opened + sign[0] not in ("()", "[]"):
                raise ValueError(f"unbalanced brackets: {line}")
            ends: list[list[str | Choice]] = [[]] if opened == "[" else []
            choice = Choice(tuple(tuple(option) for option in [*options, *ends]))
            open_choices[-1][1][-1].append(choice)
    if len(open_choices) != 1 or len(open_choices[0][1]) != 1:
        raise ValueError(f"unbalanced brackets, or a choice outside of them: {line}")
    parts = open_choices[0][1][0]
    if position < len(body):
        parts.append(body[position:])
    return Frame(tuple(parts), is_request)


def _sample(parts: Sequence, rng: random.Random) -> str:
    return "".join(
        part if isinstance(part, str) else _sample(part.options[int(rng.random() * len(part.options))], rng)
        for part in parts
    )


def _count(parts: Sequence) -> int:
    return prod(sum(map(_count, part.options)) for part in parts if isinstance(part, Choice))


def _sentences(parts: Sequence) -> Iterator[str]:
    choices = [
        [part] if isinstance(part, str) else [s for option in part.options for s in _sentences(option)]
        for part in parts
    ]
    yield from ("".join(words) for words in product(*choices))
