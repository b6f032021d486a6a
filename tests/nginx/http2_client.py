"""A strict HTTP/2 client for the tests: the h2 library refuses what the standard does not allow."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import ConnectionTerminated, DataReceived, Event, ResponseReceived, StreamEnded, StreamReset

from .nginx_server import NginxServer

SECONDS: Final = 20.0


@dataclass
class HTTP2Response:
    """`reset_code` is that of a reset stream: 0 means that the rest of the request is not needed."""

    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    is_whole: bool = False
    reset_code: int | None = None
    sent_bytes: int = 0

    @property
    def status(self) -> int:
        return int(self.headers[":status"])


class HTTP2Client:
    """One connection, one request at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._connection = H2Connection(H2Configuration(client_side=True, header_encoding="utf-8"))
        self._connection.initiate_connection()

    async def request(
        self, method: str, path: str, size: int = 0, headers: Mapping[str, str] | None = None
    ) -> HTTP2Response:
        """Sends a body of that many bytes as fast as the windows allow, and reads at the same time."""
        stream = self._connection.get_next_available_stream_id()
        head = {":method": method, ":scheme": "https", ":authority": "localhost", ":path": path}
        if size:
            head["content-length"] = str(size)
        self._connection.send_headers(stream, list((head | dict(headers or {})).items()), end_stream=not size)
        response = HTTP2Response()
        async with asyncio.timeout(SECONDS):
            while not (
                (response.is_whole and response.sent_bytes == size) or response.reset_code is not None
            ):
                self._send_what_fits(stream, size, response)
                for event in await self._exchange():
                    _note(event, response)
        return response

    def _send_what_fits(self, stream: int, size: int, response: HTTP2Response) -> None:
        while response.sent_bytes < size:
            window = self._connection.local_flow_control_window(stream)
            piece = min(window, self._connection.max_outbound_frame_size, size - response.sent_bytes)
            if piece == 0:
                return
            response.sent_bytes += piece
            self._connection.send_data(stream, bytes(piece), end_stream=response.sent_bytes == size)

    async def _exchange(self) -> list[Event]:
        self._writer.write(self._connection.data_to_send())
        data = await self._reader.read(65536)
        assert data, "nginx closed the connection"
        events = self._connection.receive_data(data)
        for event in events:
            if isinstance(event, DataReceived) and event.flow_controlled_length:
                self._connection.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        self._writer.write(self._connection.data_to_send())
        return events


def _note(event: Event, response: HTTP2Response) -> None:
    match event:
        case ResponseReceived(headers=headers):
            response.headers = {str(name): str(value) for name, value in headers}
        case DataReceived(data=data):
            response.body += data
        case StreamEnded():
            response.is_whole = True
        case StreamReset(error_code=code):
            response.reset_code = int(code)
        case ConnectionTerminated():
            raise AssertionError("nginx ended the connection")


@asynccontextmanager
async def http2_client(nginx: NginxServer) -> AsyncIterator[HTTP2Client]:
    context = nginx.tls()
    context.set_alpn_protocols(["h2"])
    reader, writer = await asyncio.open_connection("localhost", nginx.https_port, ssl=context)
    try:
        yield HTTP2Client(reader, writer)
    finally:
        writer.close()
