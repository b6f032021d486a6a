"""A digest of a JSON text that does not depend on the order of members, or on white space.

Encoders of several languages (Swift's, Go's maps) write members in an order that changes when an app
restarts; a request that is encoded again is still the same request. Does not check whether the text is valid.

Nothing of the text is kept, so its size does not matter: the members of an object are numbers that are added
up (AdHash, Bellare and Micciancio, 1997). With 2048 bits and as many members as a text may have, two sets
with the same sum take more than 2^100 attempts to find.
"""

import hashlib
import re
from typing import Final

from app.errors import InvalidJSON, InvalidRequest
from app.http.body.json_scanner import MAX_DEPTH, MAX_VALUES, TOO_DEEP
from app.sentence import Sentence

MAX_PENDING_BYTES: Final = 128
MAX_TOKENS: Final = 8 * MAX_VALUES  # more than a text of so many values has; each takes a microsecond
SUM_BYTES: Final = 256  # of the members of an object

_OUTSIDE: Final = re.compile(rb'[ \t\r\n]+|[^ \t\r\n"{}\[\],:]+|["{}\[\],:]')
_BLANKS: Final = frozenset(b" \t\r\n")
_STRUCTURE: Final = frozenset(b'"{}[],:')
_QUOTE, _BACKSLASH = ord('"'), ord("\\")
_STRING_STOP: Final = re.compile(rb'["\\]')


class JSONDigest:
    """Takes the bytes in pieces of any size."""

    def __init__(self) -> None:
        self._containers = [_Container(b"")]
        self._scalar = hashlib.sha256()  # a string, a number or a word, as far as it has arrived
        self._is_in_string = False
        self._is_in_word = False
        self._is_escaped = False  # the next byte, which may be in the next piece
        self._tokens = 0

    def update(self, data: bytes) -> None:
        """Raises `InvalidJSON` and `InvalidRequest` for what is too deep or too long in any case."""
        position = 0
        while position < len(data):
            if self._is_in_string:
                position = self._read_string(data, position)
            else:
                match = _OUTSIDE.match(data, position)
                assert match is not None
                self._read_outside(match.group())
                position = match.end()

    def digest(self) -> bytes:
        self._end_word()
        while len(self._containers) > 1:
            self._close()
        return self._containers[0].digest()

    def _read_string(self, data: bytes, start: int) -> int:
        """Returns the position after what it has read."""
        if self._is_escaped:
            self._is_escaped = False
            self._scalar.update(data[start : start + 1])
            return start + 1
        stop = _STRING_STOP.search(data, start)
        if stop is None:
            self._scalar.update(memoryview(data)[start:])
            return len(data)
        self._scalar.update(memoryview(data)[start : stop.end()])
        if data[stop.start()] == _BACKSLASH:
            self._is_escaped = True
        else:
            self._is_in_string = False
            self._containers[-1].add(self._scalar.digest())
        return stop.end()

    def _read_outside(self, text: bytes) -> None:
        first = text[0]
        if first not in _STRUCTURE and first not in _BLANKS:
            self._begin_scalar(text)
            self._is_in_word = True
            return
        self._end_word()
        if first in _BLANKS:
            return
        self._count()
        match text:
            case b'"':
                self._begin_scalar(text)
                self._is_in_string = True
            case b"{" | b"[":
                if len(self._containers) > MAX_DEPTH:
                    raise InvalidJSON(TOO_DEEP)
                self._containers.append(_Container(text))
            case b"}" | b"]":
                self._close()
            case b":":
                self._containers[-1].name_next()
            case b",":
                self._containers[-1].separate()

    def _begin_scalar(self, text: bytes) -> None:
        """A word may be cut in two pieces."""
        if self._is_in_word:
            self._scalar.update(text)
        else:
            self._count()
            self._scalar = hashlib.sha256(text)

    def _end_word(self) -> None:
        if self._is_in_word:
            self._is_in_word = False
            self._containers[-1].add(self._scalar.digest())

    def _close(self) -> None:
        if len(self._containers) > 1:
            digest = self._containers.pop().digest()
            self._containers[-1].add(digest)

    def _count(self) -> None:
        self._tokens += 1
        if self._tokens > MAX_TOKENS:
            raise InvalidRequest(Sentence("The body has more than {count} values.", count=MAX_VALUES))


class _Container:
    """An object, a list or, with an empty `opening`, the whole text."""

    __slots__ = ("_hash", "_is_object", "_pending", "_sum")

    def __init__(self, opening: bytes) -> None:
        self._hash = hashlib.sha256(opening)
        self._is_object = opening == b"{"
        self._sum = 0  # of the members of an object
        self._pending = b""  # digests since the last comma: of a value, or of a name and its value

    def add(self, digest: bytes) -> None:
        if len(self._pending) > MAX_PENDING_BYTES:  # of no valid text: bytes would be copied again and again
            self._pending = hashlib.sha256(self._pending).digest()
        self._pending += digest

    def name_next(self) -> None:
        self.add(b":")

    def separate(self) -> None:
        if self._is_object:
            self._sum += int.from_bytes(hashlib.shake_256(self._pending).digest(SUM_BYTES))
        else:
            self._hash.update(self._pending + b",")
        self._pending = b""

    def digest(self) -> bytes:
        self.separate()
        self._hash.update((self._sum % (1 << 8 * SUM_BYTES)).to_bytes(SUM_BYTES))
        return self._hash.digest()
