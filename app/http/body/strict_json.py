"""JSON as RFC 8259 has it: UTF-8 alone, no NaN, no lone surrogates; depth and number of values are bounded.

A small body is parsed at once. A larger one is scanned while it arrives, put on disk, and parsed when it is
whole and known to be harmless; long strings of base64 are files, and never reach the parser.
"""

import asyncio
import secrets
from codecs import BOM_UTF8
from typing import Any, Final

import orjson
from starlette.types import Receive

from app.errors import InvalidJSON, InvalidRequest, Overloaded
from app.http.body.json_errors import invalid_json
from app.http.body.json_scanner import (
    MAX_DEPTH,
    MAX_TEXT_BYTES,
    MAX_VALUES,
    TOO_DEEP,
    TOO_LONG,
    JSONScanner,
    LongString,
)
from app.http.body.long_base64 import LongBase64
from app.http.body.request_body import RequestBody, next_chunk
from app.sentence import Sentence

SMALL_BYTES: Final = 32 * 1024  # any content of this size is parsed in one or two milliseconds
SLICE_BYTES: Final = 64 * 1024  # scanned at once: other requests have their turn in between
DENSE_SLICE_BYTES: Final = 8 * 1024  # where strings are short, and each takes some microseconds
MAX_QUOTES: Final = 4096  # of a slice that is not dense
ASCII_WEIGHT: Final = 3  # bytes of memory for one of the body: itself, the parser's copy, the strings
UNICODE_WEIGHT: Final = 6  # one character beyond U+FFFF makes its whole string take 4 bytes for each
VALUE_BYTES: Final = 200  # of one value as an object, with its name and its place in a container


async def read_json_body(receive: Receive, body: RequestBody) -> Any:  # Any: what JSON holds
    """The parsed JSON; a long string of base64 becomes a `SpooledFile` of what it stands for.

    A byte order mark before it is ignored, as RFC 8259 allows.

    Raises `InvalidJSON`, `InvalidRequest`, `Overloaded`, `StorageFull`, and what `next_chunk` raises.
    """
    small = bytearray()
    is_last = False
    while not is_last:
        chunk, is_last = await next_chunk(receive)
        small += chunk
        _buffer(body, len(chunk))
        if len(small) > SMALL_BYTES:
            return await _read_large(small, is_last, receive, body)
    await body.memory.reserve_body(len(small) * UNICODE_WEIGHT)
    body.memory.stop_buffering(len(small))
    text = bytes(small).removeprefix(BOM_UTF8)
    parsed = _parse(text, is_original=True)
    if text.count(b"[") + text.count(b"{") >= MAX_DEPTH:  # a small text has no excess of anything else
        _refuse_excess(parsed)
    return parsed


async def _read_large(begin: bytes | bytearray, is_whole: bool, receive: Receive, body: RequestBody) -> Any:
    text = _LargeText(body)
    body.memory.stop_buffering(len(begin))
    await text.feed(bytes(begin).removeprefix(BOM_UTF8))
    while not is_whole:
        chunk, is_whole = await next_chunk(receive)
        await text.feed(chunk)
    return await text.parse()


class _LargeText:
    """A JSON text of which the long strings are files, and the rest is one, too."""

    def __init__(self, body: RequestBody) -> None:
        self._body = body
        self._scanner = JSONScanner()
        self._buffered_bytes = 0
        self._text = body.new_file()
        self._is_ascii = True
        self._marker = secrets.token_hex(16)  # of no string that a client can have written
        self._long_strings: list[LongBase64] = []
        self._is_in_long_string = False

    async def feed(self, data: bytes) -> None:
        start = 0
        while start < len(data):
            is_dense = data.count(b'"', start, start + SLICE_BYTES) > MAX_QUOTES
            end = start + (DENSE_SLICE_BYTES if is_dense else SLICE_BYTES)
            async with self._body.turns:
                await self._feed_slice(data[start:end])
            await asyncio.sleep(0)
            start = end

    async def parse(self) -> Any:
        self._scanner.finish()
        text_bytes, values_bytes = self._text.size, self._scanner.values * VALUE_BYTES
        weight = ASCII_WEIGHT if self._is_ascii else UNICODE_WEIGHT
        memory = self._body.memory
        await memory.reserve_body(text_bytes * weight + values_bytes)
        parsed = _parse(await self._text.read(), is_original=False)
        self._text.close()
        memory.stop_buffering(self._buffered_bytes)
        memory.shrink("bodies", text_bytes * (weight - 2) + values_bytes)
        await asyncio.sleep(0)
        if self._long_strings:
            parsed = self._with_files(parsed)
        return parsed

    async def _feed_slice(self, data: bytes) -> None:
        short: list[bytes] = []
        for piece in self._scanner.feed(data):
            if isinstance(piece, LongString):
                short.append(self._place_of(piece))
                await self._long_strings[-1].feed(piece.data, is_last=piece.is_last)
            else:
                short.append(piece)
        held_bytes = self._scanner.held_bytes
        if held_bytes > self._buffered_bytes:
            _buffer(self._body, held_bytes - self._buffered_bytes)
            self._buffered_bytes = held_bytes
        text = b"".join(short)
        if self._text.size + len(text) > MAX_TEXT_BYTES:
            raise InvalidRequest(TOO_LONG)
        self._is_ascii = self._is_ascii and text.isascii() and b"\\u" not in text
        await self._text.write(text)

    def _place_of(self, piece: LongString) -> bytes:
        """What the parser is to see of it: once, a name that no other string has."""
        is_first = not self._is_in_long_string
        self._is_in_long_string = not piece.is_last
        if not is_first:
            return b""
        self._long_strings.append(LongBase64(self._body.new_file()))
        return b'"%s%d"' % (self._marker.encode(), len(self._long_strings) - 1)

    def _with_files(self, value: Any) -> Any:
        match value:
            case str() if value.startswith(self._marker):
                return self._long_strings[int(value[len(self._marker) :])].file
            case list():
                return [self._with_files(element) for element in value]
            case dict():
                if any(name.startswith(self._marker) for name in value):
                    raise InvalidRequest("A field has a name that is too long.")
                return {name: self._with_files(member) for name, member in value.items()}
            case _:
                return value


def _parse(text: bytes, *, is_original: bool) -> Any:  # Any: what JSON holds
    """Raises `InvalidJSON`."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        raise invalid_json(text, is_original=is_original) from None


def _buffer(body: RequestBody, size: int) -> None:
    if not body.memory.try_to_buffer(size):
        raise Overloaded


def _refuse_excess(parsed: Any) -> None:
    """Before validation, which makes an error of a kilobyte for each of a million wrong values.

    Raises `InvalidJSON` and `InvalidRequest`.
    """
    level, values = [parsed], 1
    for _ in range(MAX_DEPTH):
        parents = [value for value in level if isinstance(value, dict | list)]
        if not parents:
            return
        values += sum(map(len, parents))
        if values > MAX_VALUES:
            raise InvalidRequest(Sentence("The body has more than {count} values.", count=MAX_VALUES))
        level = [
            child for parent in parents for child in (parent.values() if isinstance(parent, dict) else parent)
        ]
    raise InvalidJSON(TOO_DEEP)
