"""The streamed response of an engine: opened once its first event is there, then event by event."""

import json
from collections import deque
from collections.abc import Mapping
from typing import Any, Final, Self

import orjson

from inference.backends.remote.bounded_body import read_bounded
from inference.backends.remote.client import (
    TRANSPORT_ERRORS,
    EngineClient,
    EngineResponse,
    is_unreachable,
    why_lost,
)
from inference.backends.remote.endpoint import Endpoint
from inference.backends.remote.event_decoder import EventDecoder
from inference.backends.remote.refusals import (
    MAX_REFUSAL_BYTES,
    EngineError,
    LostConnection,
    error_of_event,
    refusal_of,
)
from inference.backends.remote.sent_request import SentRequest
from inference.errors import GenerationFailed

DONE: Final = b"[DONE]"
MAX_WHOLE_BYTES: Final = 16 << 20  # of a response that is not a stream
STREAM_HEADERS: Final = {
    "Content-Type": "application/json",
    "Accept": "text/event-stream",
    "Accept-Encoding": "identity",
}


class EngineStream:
    """Made by `open`. Whoever opened it closes it, which ends the engine's generation with the connection."""

    def __init__(self, endpoint: Endpoint, response: EngineResponse, sent: SentRequest) -> None:
        self.endpoint = endpoint
        self._response = response
        self._decoder = EventDecoder()
        self._events: deque[bytes] = deque()
        self._sent = sent
        self.first: Mapping[str, Any] = {}  # event, which `next_event` does not return again
        self.is_done = False  # the engine said that nothing follows
        self._is_over = False

    @classmethod
    async def open(cls, client: EngineClient, endpoint: Endpoint, content: bytes, sent: SentRequest) -> Self:
        """Returns the stream once its first event is there.

        Raises `LostConnection`, `EngineError` and what `refusal_of` returns: no text has been made then.
        """
        try:
            response = await client.open_stream(endpoint.chat_url, endpoint.headers | STREAM_HEADERS, content)
        except TRANSPORT_ERRORS as error:
            raise lost(error) from None
        try:
            if response.status_code != 200:
                raise await _refusal(response, sent)
            stream = cls(endpoint, response, sent)
            try:
                first = await stream._first_event()
            except TRANSPORT_ERRORS as error:
                raise lost(error) from None
            except GenerationFailed as error:
                raise EngineError(str(error)) from None
            if first is None:
                raise LostConnection("the engine's stream is empty")
            stream.first = first
        except BaseException:
            await response.aclose()
            raise
        return stream

    async def _first_event(self) -> Mapping[str, Any] | None:
        """As `next_event`. Engines that do not stream send the whole response as one JSON object."""
        piece = await self._response.read()
        match piece.lstrip()[:1]:
            case b"{":
                self.is_done = self._is_over = True
                body = piece + await read_bounded(self._response.pieces(), MAX_WHOLE_BYTES)
                return self._parse(body)
            case b"<":
                raise GenerationFailed("the engine sent a page instead of events")
        self._events.extend(self._decoder.push(piece))
        return await self.next_event()

    async def next_event(self) -> Mapping[str, Any] | None:
        """None after the last one. Raises `TRANSPORT_ERRORS`, and what an event says that is an error."""
        while not self._events and not self._is_over:
            if piece := await self._response.read():
                self._events.extend(self._decoder.push(piece))
            else:
                self._is_over = True
                self._events.extend(self._decoder.flush())
        return self.take_event()

    @property
    def has_event(self) -> bool:
        """Whether `take_event` returns one that has arrived."""
        return bool(self._events)

    def take_event(self) -> Mapping[str, Any] | None:
        """As `next_event`, without waiting."""
        if not self._events:
            return None
        data = self._events.popleft()
        if data.strip() == DONE:
            self.is_done = self._is_over = True
            self._events.clear()
            return None
        return self._parse(data)

    async def aclose(self) -> None:
        await self._response.aclose()

    def _parse(self, data: bytes) -> Mapping[str, Any] | None:
        """None for `[DONE]`, which may follow other lines of the same event."""
        try:
            event = orjson.loads(data)
        except orjson.JSONDecodeError:
            if b"\n" in data:  # some engines leave out the blank lines between events
                self._events.extendleft(reversed(data.split(b"\n")))
                return self.take_event()
            event = _parse_leniently(data)
        if not isinstance(event, dict):
            raise GenerationFailed("the engine sent an event that is not an object")
        error = event.get("error") or ("choices" not in event and _of_whole_event(event))
        if isinstance(error, str):
            error = event  # its kind may stand beside it
        if error:
            raise error_of_event(error, self._sent)
        return event


def _of_whole_event(event: Mapping[str, Any]) -> object:
    """SGLang and older vLLM send errors without a member around them."""
    return event if "message" in event or "detail" in event else None


def _parse_leniently(data: bytes) -> object:
    """With NaN, and with U+FFFD for what is no character: some engines cut characters in halves.

    Raises `GenerationFailed`.
    """
    try:
        value = json.loads(data.decode(errors="replace"))
        text = json.dumps(value, ensure_ascii=False)
        return json.loads(text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace"))
    except (ValueError, RecursionError):
        raise GenerationFailed("the engine sent an event that is not JSON") from None


def lost(error: Exception) -> Exception:
    """What an error of `TRANSPORT_ERRORS` means. TimeoutError is one: the patience of the request."""
    if isinstance(error, TimeoutError):
        return error
    return LostConnection(why_lost(error), is_unreachable=is_unreachable(error))


async def _refusal(response: EngineResponse, sent: SentRequest) -> Exception:
    try:
        text = await read_bounded(response.pieces(), MAX_REFUSAL_BYTES)
    except TRANSPORT_ERRORS as error:
        if isinstance(error, TimeoutError):
            raise
        text = b""
    return refusal_of(response.status_code, response.headers, text.decode(errors="replace"), sent)
