"""The content types of request bodies, and how to read one from headers."""

from typing import Final

from starlette.datastructures import Headers

JSON: Final = "application/json"
MULTIPART: Final = "multipart/form-data"


def media_type_of(headers: Headers) -> str:
    """In lower case, without parameters; empty without a Content-Type."""
    return headers.get("content-type", "").partition(";")[0].strip().lower()
