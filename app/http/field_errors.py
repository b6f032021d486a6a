"""What is wrong with which field of a request: pydantic's errors, with the path that the client sent.

pydantic's locations also name the branches of unions, and some of its messages name our classes.
"""

import re
from collections.abc import Sequence
from typing import Any, Final

from app.http.field_sentences import characters_sentence, pydantic_sentence
from app.media.upload import FILE_CHARACTERS, Upload
from app.schemas.problems import FieldError, field_error
from app.sentence import Sentence

MAX_FIELD_ERRORS: Final = 20
MAX_FIELD_NAME_LENGTH: Final = 100
MAX_MESSAGE_LENGTH: Final = 200  # pydantic quotes what was sent in the place of a known word
FIELD_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")

TOO_LONG: Final = characters_sentence("string_too_long", {"max_length": FILE_CHARACTERS})
NOT_AN_OBJECT: Final = Sentence("Input should be an object")
REQUIRED: Final = "Field required"
EMPTY_BODY: Final = "The body is empty."

_MODEL_TYPES: Final = frozenset({"model_type", "model_attributes_type", "dict_type"})

Location = tuple[str | int, ...]


def field_errors(details: Sequence[Any], body: Any) -> list[FieldError]:  # Any: pydantic's; what JSON holds
    """`details` as FastAPI has them: their locations begin with `body`, `query` or `path`."""
    return [_field_error(detail, body) for detail in details[:MAX_FIELD_ERRORS]]


def dotted(location: Sequence[str | int]) -> str:
    """The path of a field as errors name it."""
    return ".".join(map(field_name, map(str, location)))[:MAX_FIELD_NAME_LENGTH]


def field_name(name: str) -> str:
    """A client's name of a field, or pydantic's, when it is harmless to repeat."""
    return name if FIELD_NAME.fullmatch(name) else "?"


def _field_error(detail: Any, body: Any) -> FieldError:
    place, *steps = detail["loc"] or ("body",)
    location = _sent_location(detail, steps, body) if place == "body" else tuple(steps)
    message = EMPTY_BODY if not steps and detail["type"] == "missing" else pydantic_sentence(detail)
    if isinstance(detail["input"], Upload):  # a word of that length, where a text was expected
        message = TOO_LONG
    elif detail["type"] in _MODEL_TYPES:
        message = NOT_AN_OBJECT
    elif detail["type"] == "too_short" and isinstance(detail["input"], str):  # it counts items
        message = characters_sentence("string_too_short", detail["ctx"])
    elif detail["type"] == "too_long" and isinstance(detail["input"], str):
        message = characters_sentence("string_too_long", detail["ctx"])
    elif detail["type"] in ("union_tag_invalid", "union_tag_not_found"):
        location = (*location, detail["ctx"]["discriminator"].strip("'"))
        tags = detail["ctx"].get("expected_tags")
        message = REQUIRED if tags is None else Sentence("Input should be one of {tags}", tags=tags)
    return field_error(dotted(location), message if len(message) <= MAX_MESSAGE_LENGTH else _cut(message))


def _cut(message: str) -> str:
    return str(message)[:MAX_MESSAGE_LENGTH]


def _sent_location(detail: Any, steps: Sequence[str | int], body: Any) -> Location:
    """Without the tags of unions: the value at a tag has no such member, or is at fault itself."""
    is_absent = detail["type"] == "missing"
    location: list[str | int] = []
    value = body
    for at, step in enumerate(steps):
        if value is detail["input"] and not is_absent:
            break  # what follows are tags
        is_last = at == len(steps) - 1
        if isinstance(value, dict) and (step in value or (is_last and is_absent)):
            value = value.get(step)
        elif isinstance(value, list) and isinstance(step, int) and step < len(value):
            value = value[step]
        else:
            continue
        location.append(step)
    return tuple(location)
