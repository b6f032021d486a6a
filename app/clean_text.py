"""Strings from clients: no NUL and no lone surrogate. Fields that use them declare their length."""

from typing import Annotated, Any

from pydantic import AfterValidator, GetJsonSchemaHandler
from pydantic_core import CoreSchema

NO_NUL = r"^[^\x00]*$"


def refuse_unstorable(text: str) -> str:
    """Raises ValueError for text that UTF-8 or PostgreSQL cannot represent."""
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
        return {"pattern": NO_NUL} | handler(schema)  # a field's own pattern replaces it and is stricter


CleanText = Annotated[str, AfterValidator(refuse_unstorable), _DeclaredWithoutNul()]
