"""The content types of request bodies, and how to read them and their encodings from headers."""

from typing import Final

from starlette.datastructures import Headers

JSON: Final = "application/json"
MULTIPART: Final = "multipart/form-data"


def media_type_of(headers: Headers) -> str:
    """In lower case, without parameters; empty without a Content-Type."""
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def is_compressed(headers: Headers) -> bool:
    """Whether the body has a content coding other than `identity`."""
    return any(
        coding.strip().lower() not in ("", "identity")
        for value in headers.getlist("content-encoding")
        for coding in value.split(",")
    )
