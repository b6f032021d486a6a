"""Strings that arrive from outside: no NUL, no lone surrogate, bounded where they are declared."""

from typing import Annotated

from pydantic import AfterValidator


def refuse_unstorable(text: str) -> str:
    """Raises ValueError for what neither UTF-8 nor PostgreSQL can hold."""
    if "\x00" in text:
        raise ValueError("must not contain a NUL character")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise ValueError("must not contain a lone surrogate") from None
    return text


CleanText = Annotated[str, AfterValidator(refuse_unstorable)]
