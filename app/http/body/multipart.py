"""Multipart bodies as they arrive: files are spooled, text fields are held, both within bounds.

Starlette's own parser writes each fragment of a file separately and does not report whether the closing
boundary arrived; both use python-multipart.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Final

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from app.errors import InvalidMultipart, Overloaded
from app.http.body.request_body import RequestBody
from app.http.body.spooled_file import SpooledFile
from app.sentence import Sentence

MAX_FIELDS: Final = 64
MAX_FIELD_BYTES: Final = 1_048_576  # of all text fields
MAX_FILES: Final = 64  # more than any route takes, so that one too many gets its own error
SLICE_BYTES: Final = 64 * 1024  # parsed at once: other requests have their turn in between
UTF_8: Final = (b"utf-8", b"utf8")
MAX_CONTENT_TYPE_CHARACTERS: Final = 1000  # python-multipart takes 0.1 s for one of 60 kB
BOUNDARY: Final = re.compile(r"[ -~]{1,70}")  # RFC 2046, and what clients send besides

Part = tuple[str, str | SpooledFile]
_FIELDS_TOO_LARGE: Final = Sentence("The text fields may have {count} bytes together.", count=MAX_FIELD_BYTES)


async def read_multipart(content_type: str, chunks: AsyncIterator[bytes], body: RequestBody) -> list[Part]:
    """Names and values in their order; a part with a filename is a file.

    Raises `InvalidMultipart`, `Overloaded`, `StorageFull`.
    """
    parser = _PartParser(boundary_of(content_type), body)
    async for chunk in chunks:
        for start in range(0, len(chunk), SLICE_BYTES):
            async with body.turns:
                await parser.feed(chunk[start : start + SLICE_BYTES])
            await asyncio.sleep(0)
    return parser.finish()


def boundary_of(content_type: str) -> bytes:
    """Raises `InvalidMultipart`."""
    if len(content_type) > MAX_CONTENT_TYPE_CHARACTERS:
        raise InvalidMultipart("The multipart Content-Type is too long.")
    _, options = parse_options_header(content_type)
    if options.get(b"charset", b"utf-8").lower() not in UTF_8:
        raise InvalidMultipart("The multipart body must be in UTF-8.")
    boundary = options.get(b"boundary", b"")
    if not BOUNDARY.fullmatch(boundary.decode("latin-1")):
        raise InvalidMultipart("The multipart Content-Type names no boundary.")
    return boundary


class _PartParser:
    """python-multipart calls back for each fragment; the events are handled after each slice."""

    def __init__(self, boundary: bytes, body: RequestBody) -> None:
        self._body = body
        self._parts: list[_Part] = []
        self._field_bytes = 0
        self._is_ended = False
        self._header_name = bytearray()
        self._header_value = bytearray()
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin_part,
                "on_header_field": lambda data, start, end: self._header_name.extend(data[start:end]),
                "on_header_value": lambda data, start, end: self._header_value.extend(data[start:end]),
                "on_header_end": self._end_header,
                "on_headers_finished": self._end_headers,
                "on_part_data": lambda data, start, end: self._parts[-1].data.extend(data[start:end]),
                "on_end": self._end,
            },
        )

    async def feed(self, data: bytes) -> None:
        first = max(len(self._parts) - 1, 0)
        try:
            self._parser.write(data)
        except FormParserError:
            raise InvalidMultipart from None
        for part in self._parts[first:]:
            if part.file is not None:
                await part.file.write(bytes(part.data))
                part.data.clear()
        self._check_fields()

    def finish(self) -> list[Part]:
        if not self._is_ended:  # a body that was cut off between two parts looks whole but for this
            raise InvalidMultipart
        return [(part.name, _text_of(part.data) if part.file is None else part.file) for part in self._parts]

    def _begin_part(self) -> None:
        self._parts.append(_Part())

    def _end_header(self) -> None:
        if self._header_name.lower() == b"content-disposition":
            self._parts[-1].disposition = bytes(self._header_value)
        self._header_name.clear()
        self._header_value.clear()

    def _end_headers(self) -> None:
        part = self._parts[-1]
        _, options = parse_options_header(part.disposition)
        if b"name" not in options:
            raise InvalidMultipart
        part.name = _text_of(options[b"name"])
        if b"filename" in options:
            part.file = self._body.new_file()
        files = sum(part.file is not None for part in self._parts)
        if files > MAX_FILES or len(self._parts) - files > MAX_FIELDS:
            raise InvalidMultipart("The multipart body has too many parts.")

    def _end(self) -> None:
        self._is_ended = True

    def _check_fields(self) -> None:
        field_bytes = sum(len(part.data) for part in self._parts if part.file is None)
        if field_bytes > MAX_FIELD_BYTES:
            raise InvalidMultipart(_FIELDS_TOO_LARGE)
        if not self._body.memory.try_to_buffer(field_bytes - self._field_bytes):
            raise Overloaded
        self._field_bytes = field_bytes


class _Part:
    """`data` is what arrived of it and is not in its file yet."""

    __slots__ = ("data", "disposition", "file", "name")

    def __init__(self) -> None:
        self.name = ""
        self.disposition = b""
        self.data = bytearray()
        self.file: SpooledFile | None = None


def _text_of(data: bytes | bytearray) -> str:
    """Headers and fields of old clients are not in UTF-8."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")
