"""Base64 in a JSON string, decoded piece by piece as it arrives: a picture is never held as text."""

import re
from typing import Final

import orjson

from app.errors import InvalidMedia
from app.http.body.spooled_file import SpooledFile
from app.media.codecs.base64_text import (
    MAX_PREFIX_BYTES,
    NOT_BASE64,
    decode_quantums,
    prefix_length,
    standard,
)

_LONGEST_ESCAPE: Final = 6  # \uXXXX
_EXAMINED_BYTES: Final = 4096
_CHARACTER: Final = rb"(?:[A-Z0-9+/=_-]|\\/|\\u00[0-9A-F]{2})"
_LINE_END: Final = rb"(?:\\[nr])"
_BASE64: Final = re.compile(  # lines of base64 have 64 characters or 76, those of lists of words fewer
    rb"(?:data:[^,]*;base64,)?%b*+(?:%b{60,}+%b++)*+%b*+" % (_LINE_END, _CHARACTER, _LINE_END, _CHARACTER),
    re.IGNORECASE,
)


def may_be_base64(string: bytes | bytearray) -> bool:
    """Whether a long string is a file, from its beginning as it stands after the quote: a text has no word of
    that length."""
    beginning = string[:_EXAMINED_BYTES]
    match = _BASE64.match(beginning)
    assert match is not None
    return match.end() > len(beginning) - _LONGEST_ESCAPE


class LongBase64:
    """Writes what it decodes to `file`; sets `file.error` if it is not base64."""

    def __init__(self, file: SpooledFile) -> None:
        self.file = file
        self._raw = b""  # the begin of an escape
        self._text = b""  # fewer than the four characters that make bytes
        self._is_at_begin = True
        self._is_at_end = False  # after padding

    async def feed(self, data: bytes, *, is_last: bool) -> None:
        """`data` as it stands between the quotes. The first piece has the whole of a data URI's prefix.

        Raises `StorageFull`.
        """
        if self.file.error is not None:
            return
        try:
            decoded = self._decode(data, is_last)
        except InvalidMedia as error:
            self.file.error = error
            return
        except ValueError:
            self.file.error = InvalidMedia(NOT_BASE64)
            return
        await self.file.write(decoded)

    def _decode(self, data: bytes, is_last: bool) -> bytes:
        """Raises ValueError and `InvalidMedia`."""
        text = self._text + self._unescaped(data, is_last)
        if self._is_at_begin:
            self._is_at_begin = False
            text = text[prefix_length(text[:MAX_PREFIX_BYTES]) :]
        text = standard(text)
        if text and self._is_at_end:
            raise ValueError("something follows the padding")
        whole = len(text) if is_last else len(text) - len(text) % 4
        self._text = text[whole:]
        self._is_at_end = text[:whole].endswith(b"=")
        return decode_quantums(text[:whole])

    def _unescaped(self, data: bytes, is_last: bool) -> bytes:
        """Raises ValueError for what no JSON string may have, and for what is not ASCII."""
        data = self._raw + data
        self._raw = b""
        escape = data.rfind(b"\\", -_LONGEST_ESCAPE + 1)
        if escape >= 0 and not is_last:
            data, self._raw = data[:escape], data[escape:]
        string: str = orjson.loads(b'"%b"' % data)
        return string.encode("ascii")
