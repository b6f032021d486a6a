"""Reads `training/phrasings`: what people say, and the words that it is made of.

The README there describes the files.
"""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, Field, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from training.example import LANGUAGES, Language, Split
from training.text.frames import Frame, Phrasings, frames, phrasings

DIRECTORY = Path(__file__).parents[1] / "phrasings"
SHARED = ("answer", "thinking")  # keys that, above the first table, apply to all tables


class PhrasingsInvalid(ValueError):
    """A file does not follow the README; the message names the file and the key."""


def _in_both_languages(texts: dict[Language, str]) -> dict[Language, str]:
    if len(texts) < len(LANGUAGES):
        raise PydanticCustomError("one_language", "needs both en and zh")
    return texts


NonEmpty = Annotated[str, Field(min_length=1)]
Texts = Annotated[dict[Language, NonEmpty], AfterValidator(_in_both_languages)]
Words = Annotated[dict[Language, Annotated[tuple[NonEmpty, ...], Field(min_length=1)]], Field(min_length=1)]
WordsBySplit = dict[Split, Words]


class _SayingTable(BaseModel, extra="forbid"):
    train: Texts
    held_out: Texts
    answer: Texts = {}
    thinking: Texts = {}


class _WordsBySplitTable(BaseModel, extra="forbid"):
    train: Words
    held_out: Words


_WORDS_TABLE: TypeAdapter[Words] = TypeAdapter(Words)


@dataclass(frozen=True, slots=True)
class Saying:
    """One thing that people say. `answers` and `thoughts` are empty where the file has none."""

    phrasings: Phrasings
    answers: dict[Language, str]
    thoughts: dict[Language, str]


@dataclass(frozen=True, slots=True)
class Contents:
    """The tables of one file by name, in the order of the file."""

    sayings: dict[str, Saying] = field(default_factory=dict)
    words: dict[str, Words] = field(default_factory=dict)
    words_by_split: dict[str, WordsBySplit] = field(default_factory=dict)


@cache
def sayings(subject: str) -> dict[str, Saying]:
    return _contents(subject).sayings


@cache
def words(subject: str) -> dict[str, Words]:
    return _contents(subject).words


@cache
def words_by_split(subject: str) -> dict[str, WordsBySplit]:
    return _contents(subject).words_by_split


@cache
def _contents(subject: str) -> Contents:
    return read(DIRECTORY / f"{subject}.toml")


def read(path: Path) -> Contents:
    """Raises `PhrasingsInvalid`."""
    contents = Contents()
    try:
        tables = tomllib.loads(path.read_text("utf-8"))
        shared = {key: tables.pop(key) for key in SHARED if key in tables}
        for name, table in tables.items():
            _add(contents, name, table, shared)
    except ValueError as error:
        raise PhrasingsInvalid(f"{path.name}: {error}") from error
    return contents


def _add(contents: Contents, name: str, table: Any, shared: dict[str, Any]) -> None:
    """`table` is whatever the file has under `name`. Raises `ValueError`, which names the key."""
    try:
        if not isinstance(table, dict) or table.keys() & LANGUAGES:
            contents.words[name] = _WORDS_TABLE.validate_python(table)
        elif any(isinstance(value, list) for value in _values(table)):
            lists = _WordsBySplitTable.model_validate(table)
            contents.words_by_split[name] = {"train": lists.train, "held_out": lists.held_out}
        else:
            texts = _SayingTable.model_validate(shared | table)
            contents.sayings[name] = Saying(_phrasings(name, texts), texts.answer, texts.thinking)
    except ValidationError as error:
        raise ValueError("; ".join(_complaint(name, each) for each in error.errors())) from error


def _complaint(name: str, error: ErrorDetails) -> str:
    key = ".".join(str(part) for part in (name, *error["loc"]) if part != "[key]")
    return f"{key}: {error['msg']}"


def _values(table: dict[str, Any]) -> Iterator[object]:
    for texts in table.values():
        yield from texts.values() if isinstance(texts, dict) else ()


def _phrasings(name: str, table: _SayingTable) -> Phrasings:
    texts: dict[Split, dict[Language, str]] = {"train": table.train, "held_out": table.held_out}
    all_frames: dict[tuple[Split, Language], tuple[Frame, ...]] = {}
    for split, by_language in texts.items():
        for language, text in by_language.items():
            try:
                all_frames[split, language] = frames(text, _question_forms(language))
            except ValueError as error:
                raise ValueError(f"{name}.{split}.{language}: {error}") from error
    return phrasings(all_frames)


@cache
def _question_forms(language: Language) -> dict[str, tuple[str, ...]]:
    lists = words("question_forms")
    return {name: forms[language] for name, forms in lists.items() if language in forms}
