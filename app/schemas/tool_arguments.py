"""The arguments of a tool's call that a client sends back: the text of a JSON object."""

from typing import Annotated, Any, Final

import orjson
from pydantic import AfterValidator, Field, ValidationInfo

from app.clean_text import CleanText
from app.schemas.generation import MAX_PROMPT_CHARACTERS
from app.schemas.json_text import JSONTexts

MAX_DEPTH: Final = 64  # levels, as of a body; templates write the values by recursion
TOO_DEEP: Final = f"must not be nested more than {MAX_DEPTH} levels deep"


def _check(text: str, info: ValidationInfo) -> str:
    """Raises ValueError."""
    if not text:
        return text  # no arguments
    texts = info.context if isinstance(info.context, JSONTexts) else JSONTexts()
    try:
        arguments = texts.parse(text)
    except orjson.JSONDecodeError:
        arguments = None
    if not isinstance(arguments, dict):
        raise ValueError("must be the text of a JSON object")
    _check_depth(arguments)
    return text


def _check_depth(arguments: dict[str, Any]) -> None:
    level: list[Any] = [arguments]
    for _ in range(MAX_DEPTH):
        inner: list[Any] = []
        for container in level:
            values = container.values() if isinstance(container, dict) else container
            inner += [value for value in values if isinstance(value, dict | list)]
        if not inner:
            return
        level = inner
    raise ValueError(TOO_DEEP)


ToolArguments = Annotated[CleanText, Field(max_length=MAX_PROMPT_CHARACTERS), AfterValidator(_check)]
