"""Strings that arrive from outside: no NUL, no lone surrogate, bounded where they are declared."""

from typing import Annotated, Any

from pydantic import AfterValidator, GetJsonSchemaHandler
from pydantic_core import CoreSchema

NO_NUL = r"^[^\x00]*$"


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


class _DeclaredWithoutNul:
    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> Any:
        return {"pattern": NO_NUL} | handler(schema)  # a field's own pattern is the stricter one


CleanText = Annotated[str, AfterValidator(refuse_unstorable), _DeclaredWithoutNul()]
