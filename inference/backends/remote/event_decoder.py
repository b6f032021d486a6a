"""Splits the bytes of an event stream into the data of its events. Knows nothing of JSON or of engines.

Follows https://html.spec.whatwg.org/multipage/server-sent-events.html: lines end with CR, LF or both,
comments and unknown fields are ignored, and several lines of data are one event. It works on bytes, so a
character may be split between two pieces.
"""

from collections.abc import Iterator

from inference.errors import GenerationFailed

MAX_EVENT_BYTES = 1 << 20
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class EventDecoder:
    """One per response. Raises `GenerationFailed` for an event, or a line, that is too long."""

    def __init__(self, max_event_bytes: int = MAX_EVENT_BYTES) -> None:
        self._max_event_bytes = max_event_bytes
        self._line = bytearray()  # without its end
        self._data: list[bytes] = []
        self._data_bytes = 0
        self._is_after_return = False
        self._is_first_line = True

    def push(self, piece: bytes) -> Iterator[bytes]:
        """Yields the data of the events that end in this piece."""
        if self._is_after_return and piece:
            piece = piece.removeprefix(b"\n")
            self._is_after_return = False
        if piece.endswith(b"\r"):
            self._is_after_return = True
        if b"\r" in piece:
            piece = piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        *lines, rest = piece.split(b"\n")
        for line in lines:
            if self._line:
                self._extend(line)
                line = bytes(self._line)
                self._line.clear()
            else:
                self._check(line)
            event = self._end_line(line)
            if event is not None:
                yield event
        self._extend(rest)

    def flush(self) -> Iterator[bytes]:
        """Yields the event that the end of the stream ends. Some engines leave out the last blank line."""
        for line in (bytes(self._line), b""):
            event = self._end_line(line)
            if event is not None:
                yield event
        self._line.clear()

    def _extend(self, piece: bytes) -> None:
        self._check(piece)
        self._line += piece

    def _check(self, piece: bytes) -> None:
        if len(self._line) + len(piece) + self._data_bytes > self._max_event_bytes:
            raise GenerationFailed("the engine sent an event that is too long")

    def _end_line(self, line: bytes) -> bytes | None:
        """The data of the event that this line ends."""
        if self._is_first_line:
            self._is_first_line = False
            line = line.removeprefix(_BYTE_ORDER_MARK)
        if not line:
            data, self._data, self._data_bytes = self._data, [], 0
            return b"\n".join(data) if data else None
        name, _, value = line.partition(b":")
        if name == b"data":
            value = value.removeprefix(b" ")
            self._data.append(value)
            self._data_bytes += len(value)
        return None
