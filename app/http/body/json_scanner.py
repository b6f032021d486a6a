"""What a JSON text holds, counted in its bytes while they arrive and before a parser sees them.

Knows brackets, commas, strings and their escapes; the parser checks whether the text is valid JSON. It holds
the interpreter until it is done, and 26 MB of brackets take it seconds.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from app.errors import InvalidJSON, InvalidRequest
from app.http.body.long_base64 import may_be_base64
from app.media.upload import FILE_CHARACTERS
from app.sentence import Sentence

MAX_DEPTH: Final = 64  # levels, of which the innermost has no containers
TOO_DEEP: Final = f"The body is nested more than {MAX_DEPTH} levels deep."
MAX_VALUES: Final = 20_000
MAX_BARE_BYTES: Final = 1_048_576  # of numbers, true, false and null: 50 for each value
FILE_BYTES: Final = 12 * FILE_CHARACTERS  # each written as two \uXXXX
MAX_TEXT_BYTES: Final = 8 * 1_048_576  # without files: ten short ones in base64 and all text fit
TOO_LONG: Final = "The texts of the body are too long together."

_STRING_PIECE: Final = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+', re.DOTALL)
_QUOTE: Final = ord('"')
_OPENING: Final = frozenset(b"[{")
_CLOSING: Final = frozenset(b"]}")
_NOT_BRACKETS: Final = bytes(set(range(256)) - _OPENING - _CLOSING)
_BLANKS: Final = re.compile(rb"[ \t\r\n]+")
_MAX_INDENTATION: Final = 64
_STRUCTURE: Final = b"[]{},:"
_WHITESPACE: Final = b" \t\r\n"


@dataclass(frozen=True, slots=True)
class LongString:
    """A piece of a string that is a file, as it is written in the JSON."""

    data: bytes
    is_last: bool


class JSONScanner:
    """Takes the bytes in pieces of any size. Used by one task."""

    def __init__(self) -> None:
        self._is_in_string = False
        self._has_pending_backslash = False  # what it escapes is in the next piece
        self._is_long = False
        self._held = bytearray()  # of the string being read, as long as it is no file
        self._characters = 0.0  # that it has at least
        self.values = 1
        self._containers = 0
        self._depth = 0
        self._bare_bytes = 0
        self._last_byte = 0  # outside of strings, whitespace left out

    @property
    def held_bytes(self) -> int:
        """Of a string that continues: everything before it has been passed on."""
        return len(self._held)

    def feed(self, data: bytes) -> Iterator[bytes | LongString]:
        """The same text, with the long strings apart. Raises `InvalidJSON` and `InvalidRequest`."""
        position = 0
        while position < len(data):
            if self._is_in_string:
                end = self._string_end(data, position)
                yield from self._read_string(data[position:end], is_last=end < len(data))
            else:
                quote = data.find(b'"', position)
                end = len(data) if quote < 0 else quote
                if end > position:
                    outside = data[position:end]
                    text = outside.translate(None, _WHITESPACE)
                    self._count(text)
                    is_mostly_blank = len(outside) > 2 * len(text) + _MAX_INDENTATION
                    yield _BLANKS.sub(b" ", outside) if is_mostly_blank else outside
                if quote >= 0:
                    self._begin_string()
            position = end + 1

    def finish(self) -> None:
        """Raises `InvalidJSON` for a text that is cut off inside a string."""
        if self._is_in_string:
            raise InvalidJSON

    def _string_end(self, data: bytes, position: int) -> int:
        """The position of its closing quote; the length of the data if the string continues."""
        if self._has_pending_backslash:
            self._has_pending_backslash = False
            position += 1
        if data.find(b"\\", position) < 0:  # nearly always, and quicker
            quote = data.find(b'"', position)
            return len(data) if quote < 0 else quote
        match = _STRING_PIECE.match(data, position)
        assert match is not None
        end = match.end()
        if end < len(data) and data[end] != _QUOTE:
            self._has_pending_backslash = True
            return len(data)
        return end

    def _begin_string(self) -> None:
        if self._last_byte == _QUOTE:  # only a comma or a colon may be between two strings
            raise InvalidJSON
        if self._last_byte in _OPENING:
            self.values += 1
        self._last_byte = _QUOTE
        self._is_in_string = True
        self._is_long = False
        self._characters = 0.0

    def _read_string(self, piece: bytes, *, is_last: bool) -> Iterator[bytes | LongString]:
        self._is_in_string = not is_last
        if self._is_long:
            yield LongString(piece, is_last)
            return
        self._held += piece
        self._characters += _least_characters(piece)
        is_long = self._characters > FILE_CHARACTERS or len(self._held) > FILE_BYTES
        self._is_long = is_long and may_be_base64(self._held)
        if self._is_long:
            yield LongString(bytes(self._held), is_last)
            self._held.clear()
        elif len(self._held) > MAX_TEXT_BYTES:
            raise InvalidRequest(TOO_LONG)
        elif is_last:
            yield b'"%b"' % bytes(self._held)
            self._held.clear()

    def _count(self, text: bytes) -> None:
        """Values as a parser makes them: the whole, and each element and member of a container. Of those
        a container has one more than commas, unless it is empty."""
        if not text:
            return
        if self._last_byte in _OPENING and text[0] not in _CLOSING:
            self.values += 1
        self._last_byte = text[-1]
        self.values += text.count(b",")
        if len(text) > 1 or text not in b",:":
            self._count_containers(text)
            self._bare_bytes += len(text.translate(None, _STRUCTURE))
        if self.values > MAX_VALUES or self._containers > MAX_VALUES:
            raise InvalidRequest(Sentence("The body has more than {count} values.", count=MAX_VALUES))
        if self._bare_bytes > MAX_BARE_BYTES:
            raise InvalidRequest("The numbers of the body have too many digits.")

    def _count_containers(self, text: bytes) -> None:
        opened = text.count(b"[") + text.count(b"{")
        empty = text.count(b"[]") + text.count(b"{}")
        self.values += opened - empty - (text[-1] in _OPENING)  # the next piece decides about the last
        self._containers += opened
        brackets = text.translate(None, _NOT_BRACKETS)
        if len(brackets) - opened > opened + self._depth:
            raise InvalidJSON  # more are closed than opened
        for bracket in brackets[: 2 * MAX_VALUES]:  # of more there are too many containers
            self._depth += 1 if bracket in _OPENING else -1
            if self._depth >= MAX_DEPTH:
                raise InvalidJSON(TOO_DEEP)


def _least_characters(piece: bytes) -> float:
    """How many characters a piece of a string stands for, at least: an escape may be cut off at each end."""
    unicode_escapes, escapes = piece.count(b"\\u"), piece.count(b"\\")
    most_bytes = len(piece) if piece.isascii() else len(piece) / 4
    return most_bytes - 5.5 * unicode_escapes - (escapes - unicode_escapes) - 6
