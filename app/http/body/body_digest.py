"""Whether two bodies say the same, by a digest: what every client writes anew is not part of it."""

import hashlib
from typing import Protocol

from starlette.datastructures import Headers

from app.http.body.form_digest import FormDigest
from app.http.body.json_digest import JSONDigest
from app.http.media_types import JSON, MULTIPART, media_type_of


class BodyDigest(Protocol):
    def update(self, data: bytes, /) -> None: ...

    def digest(self) -> bytes: ...


def body_digest(headers: Headers) -> BodyDigest:
    """For the body of a request with these headers. Raises `InvalidMultipart`."""
    media_type = media_type_of(headers)
    if media_type == JSON:
        return JSONDigest()
    if media_type == MULTIPART:
        return FormDigest(headers["content-type"])
    return hashlib.sha256()
