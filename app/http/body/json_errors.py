"""Why a body is not valid JSON, and where. The parser's own words are not repeated, and it names no field."""

import json
import math
from collections.abc import Iterator
from typing import Any, Final

from app.errors import InvalidJSON
from app.http.field_errors import EMPTY_BODY, dotted
from app.sentence import Sentence, of_field

MAX_EXAMINED_BYTES: Final = 256 * 1024  # in some milliseconds; a larger text gets the general sentence
SURROGATE: Final = Sentence("has half of a surrogate pair, such as \\ud83d: a character was cut in two.")
NAME_SURROGATE: Final = Sentence("A name {reason}", reason=SURROGATE)
NOT_A_NUMBER: Final = Sentence("NaN, Infinity and numbers beyond 1.8e308 are not allowed.")

Location = tuple[str | int, ...]


def invalid_json(text: bytes, *, is_original: bool) -> InvalidJSON:
    """The error for a text that the parser refused. If it `is_original`, places in it are the client's."""
    if not text.strip():
        return InvalidJSON(EMPTY_BODY)
    if len(text) > MAX_EXAMINED_BYTES:
        return InvalidJSON()
    try:
        value = json.loads(text.decode())  # takes what JSON has not: lone surrogates, NaN
    except UnicodeDecodeError as error:
        at_byte = Sentence("The body is not valid UTF-8 at byte {byte}.", byte=error.start)
        return InvalidJSON(at_byte if is_original else None)
    except json.JSONDecodeError as error:
        place = Sentence(
            "The body is not valid JSON at line {line}, column {column}.",
            line=error.lineno,
            column=error.colno,
        )
        return InvalidJSON(place if is_original else None)
    except (ValueError, RecursionError):  # an integer of thousands of digits, or too many levels
        return InvalidJSON()
    for location, reason in _faults(value, ()):
        path = dotted(location)
        return InvalidJSON(of_field(path, reason), param=path or None)
    return InvalidJSON()


def _faults(value: Any, location: Location) -> Iterator[tuple[Location, str]]:  # Any: what JSON holds
    match value:
        case str() if _has_surrogate(value):
            yield location, SURROGATE
        case float() if not math.isfinite(value):
            yield location, NOT_A_NUMBER
        case list():
            for index, element in enumerate(value):
                yield from _faults(element, (*location, index))
        case dict():
            for name, member in value.items():
                if _has_surrogate(name):
                    yield location, NAME_SURROGATE
                yield from _faults(member, (*location, name))


def _has_surrogate(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)
