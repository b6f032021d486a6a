"""A digest of a multipart form that does not depend on its boundary, which every client draws anew.

Names of files and their declared types are not part of it: the gateway does not use them, and some clients
make them up for each attempt.
"""

import hashlib

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from app.errors import InvalidMultipart
from app.http.body.multipart import MAX_FIELDS, MAX_FILES, boundary_of


class FormDigest:
    """Takes the bytes in pieces of any size."""

    def __init__(self, content_type: str) -> None:
        """Raises `InvalidMultipart`."""
        self._whole = hashlib.sha256()
        self._part = hashlib.sha256()
        self._parts = 0
        self._header_name = bytearray()
        self._header_value = bytearray()
        self._disposition = b""
        self._parser = MultipartParser(
            boundary_of(content_type),
            {
                "on_part_begin": self._begin_part,
                "on_header_field": lambda data, start, end: self._header_name.extend(data[start:end]),
                "on_header_value": lambda data, start, end: self._header_value.extend(data[start:end]),
                "on_header_end": self._end_header,
                "on_headers_finished": self._end_headers,
                "on_part_data": lambda data, start, end: self._part.update(data[start:end]),
                "on_part_end": lambda: self._whole.update(self._part.digest()),
            },
        )

    def update(self, data: bytes) -> None:
        """Raises `InvalidMultipart`."""
        try:
            self._parser.write(data)
        except FormParserError:
            raise InvalidMultipart from None

    def digest(self) -> bytes:
        return self._whole.digest()

    def _begin_part(self) -> None:
        self._parts += 1
        if self._parts > MAX_FIELDS + MAX_FILES:
            raise InvalidMultipart("The multipart body has too many parts.")
        self._disposition = b""

    def _end_header(self) -> None:
        if self._header_name.lower() == b"content-disposition":
            self._disposition = bytes(self._header_value)
        self._header_name.clear()
        self._header_value.clear()

    def _end_headers(self) -> None:
        _, options = parse_options_header(self._disposition)
        kind = b"file" if b"filename" in options else b"field"
        self._part = hashlib.sha256(b"%b\0%b\0" % (kind, options.get(b"name", b"")))
