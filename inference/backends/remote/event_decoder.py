"""Splits the bytes of an event stream into the data of its events. Knows nothing of JSON or of engines.

Follows https://html.spec.whatwg.org/multipage/server-sent-events.html: lines end with CR, LF or both,
comments and unknown fields are ignored, and several lines of data are one event. It works on bytes, so a
character may be split between two pieces.
"""

from inference.errors import GenerationFailed

MAX_EVENT_BYTES = 1 << 20
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_BLANK_LINE = b"\n\n"


class EventDecoder:
    """One per response. Raises `GenerationFailed` for an event, with all its lines, that is too long."""

    def __init__(self, max_event_bytes: int = MAX_EVENT_BYTES) -> None:
        self._max_event_bytes = max_event_bytes
        self._held = bytearray()  # of an event whose blank line has not come
        self._is_after_return = False
        self._is_first_event = True

    def push(self, piece: bytes) -> list[bytes]:
        """Returns the data of the events that end in this piece."""
        if self._is_after_return and piece:
            piece = piece.removeprefix(b"\n")
            self._is_after_return = False
        if b"\r" in piece:
            self._is_after_return = piece.endswith(b"\r")
            piece = piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        held = self._held
        looked_at = max(len(held) - 1, 0)
        held += piece
        end = held.rfind(_BLANK_LINE, looked_at)
        if end < 0:
            self._check(held)
            return []
        complete = bytes(held[:end])
        del held[: end + len(_BLANK_LINE)]
        self._check(held)
        return self._data_of(complete.split(_BLANK_LINE))

    def flush(self) -> list[bytes]:
        """Returns the event that the end of the stream ends. Some engines leave out the last blank line."""
        rest = bytes(self._held)
        self._held.clear()
        return self._data_of([rest])

    def _data_of(self, events: list[bytes]) -> list[bytes]:
        if self._is_first_event:
            self._is_first_event = False
            events[0] = events[0].removeprefix(_BYTE_ORDER_MARK)
        found = []
        for event in events:
            self._check(event)
            if event.startswith(b"data: ") and b"\n" not in event:  # as nearly every event is
                found.append(event[len(b"data: ") :])
            elif (lines := _data_lines_of(event)) is not None:
                found.append(lines)
        return found

    def _check(self, event: bytes | bytearray) -> None:
        if len(event) > self._max_event_bytes:
            raise GenerationFailed("the engine sent an event that is too long")


def _data_lines_of(event: bytes) -> bytes | None:
    """None if it has no data."""
    fields = (line.partition(b":") for line in event.split(b"\n"))
    data = [value.removeprefix(b" ") for name, _, value in fields if name == b"data"]
    return b"\n".join(data) if data else None
