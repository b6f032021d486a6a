"""uvicorn's HTTP/1.1 with bounds on what it keeps before a request exists: bytes and seconds.

The parser holds a header until its end, so an endless header line would fill the memory.
Bytes are counted until they are passed on: a request's head, a chunk's extensions, trailers. What follows a
body within one piece of 64 KiB is not counted, so that no byte is processed twice.
"""

import asyncio
from asyncio import TimerHandle
from typing import Final

from app.networks import unmap_ipv4
from app.server.joined_writes import JoinedWrites
from app.server.uvicorn_adapter import UvicornProtocol, status_line

MAX_HEAD_BYTES: Final = 64 * 1024  # the request line and the headers
HEAD_SECONDS: Final = 30.0
FREE_CHUNKS: Final = 1024  # of a body, whose size does not matter
# Of the others, as a mean: a read of 256 kB has 42,000 chunks of one byte, which take 40 ms.
MIN_CHUNK_BYTES: Final = 16
MAX_DROPPED_BYTES: Final = (
    256 * 1024
)  # of a refused head; a client that is cut off while it sends sees no response
LINGER_SECONDS: Final = 1.0
TOO_LARGE: Final = b"The request line and headers may have 65536 bytes together.\n"
REFUSAL: Final = b"".join(
    (
        status_line(431),
        b"content-type: text/plain; charset=utf-8\r\n",
        b"content-length: %d\r\n" % len(TOO_LARGE),
        b"connection: close\r\n\r\n",
        TOO_LARGE,
    )
)


class BoundedHTTPProtocol(UvicornProtocol):
    """One connection. Made by uvicorn, in its event loop."""

    head_seconds = HEAD_SECONDS
    _pending_bytes = 0  # since a head or a part of a body was complete
    _chunks = 0  # of the body
    _chunk_bytes = 0
    _is_in_head = True
    _is_refused = False
    _timer: TimerHandle | None = None
    _writes: JoinedWrites

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        self._writes = JoinedWrites(transport, self.loop)
        super().connection_made(self._writes)
        if self.client is not None:
            self.client = (unmap_ipv4(self.client[0]), self.client[1])
        self._start_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._is_refused:
            self._drop(data)
            return
        while data and not self.transport.is_closing():
            left = MAX_HEAD_BYTES - self._pending_bytes
            piece, data = data[:left], data[left:]
            self._pending_bytes += len(piece)
            super().data_received(piece)
            if self._pending_bytes >= MAX_HEAD_BYTES:
                self._refuse()
                return
        if self._is_in_head and self._pending_bytes and self._timer is None:
            self._start_timer()

    def on_headers_complete(self) -> None:
        self._pending_bytes = 0
        self._is_in_head = False
        self._chunks = self._chunk_bytes = 0
        self._stop_timer()
        super().on_headers_complete()

    def on_chunk_header(self) -> None:
        self._chunks += 1
        if self._chunk_bytes >= MIN_CHUNK_BYTES * (self._chunks - FREE_CHUNKS):
            return
        if self.has_started_response:
            self.transport.close()
        else:  # the parser turns any exception into its own, for which uvicorn sends 400
            raise ValueError("the chunks are too small")

    def on_body(self, body: bytes) -> None:
        self._pending_bytes = 0
        self._chunk_bytes += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._pending_bytes = 0
        self._is_in_head = True
        super().on_message_complete()

    def on_response_complete(self) -> None:
        self._writes.flush()  # nothing follows that it could wait for
        super().on_response_complete()

    @property
    def awaits_request(self) -> bool:
        """Whether a request is due: the first one of a connection, or one whose head has begun."""
        return not self.has_received_request or (self._is_in_head and self._pending_bytes > 0)

    def _refuse(self) -> None:
        self._stop_timer()
        if self.is_responding:  # no other response can begin inside this one
            self.transport.close()
            return
        self._is_refused = True
        self._pending_bytes = 0
        self.logger.warning("A request's headers are over %d bytes.", MAX_HEAD_BYTES)
        self.transport.write(REFUSAL)
        self._timer = self.loop.call_later(LINGER_SECONDS, self.transport.close)

    def _drop(self, data: bytes) -> None:
        self._pending_bytes += len(data)
        if self._pending_bytes > MAX_DROPPED_BYTES:
            self.transport.close()

    def _start_timer(self) -> None:
        self._timer = self.loop.call_later(self.head_seconds, self._end_slow_head)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _end_slow_head(self) -> None:
        if self.is_responding:  # bytes sent ahead do not belong to the request in progress
            self._start_timer()
        else:
            self.transport.close()
