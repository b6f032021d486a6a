"""What this package uses of uvicorn's internals, which a new version may change.

`tests/app/server/test_uvicorn_adapter.py` fails then. `pyproject.toml` bounds the version.
"""

import asyncio
from collections.abc import Iterable
from typing import Final

import httptools
import uvicorn
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from app.http.first_reader import WRITE_PAUSED

UPGRADE_HEADERS: Final = frozenset({b"upgrade", b"http2-settings"})


class UvicornProtocol(HttpToolsProtocol):
    """uvicorn's HTTP/1.1 connection, with names for the state of its `cycle` (the current request).

    An offer to upgrade the protocol is ignored, as RFC 9110 section 7.8 permits: the request is parsed again
    without it. The parser itself would take the body for the other protocol, or for the next request.
    """

    _offers_upgrade = False  # the head that was just parsed

    def data_received(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        rest = memoryview(data)
        try:
            while rest:
                rest = self._feed(rest)
        except httptools.HttpParserError:
            self._refuse_head("Invalid HTTP request received.")

    def on_header(self, name: bytes, value: bytes) -> None:
        """White space after a value is not part of it (RFC 9112, section 5.1); the parser leaves it there."""
        super().on_header(name, value.rstrip(b" \t"))

    def on_headers_complete(self) -> None:
        self.scope["extensions"] = {WRITE_PAUSED: {"is_paused": self._is_write_paused}}
        self._offers_upgrade = self.parser.should_upgrade()
        if not self._offers_upgrade:
            super().on_headers_complete()

    def on_message_complete(self) -> None:
        if not self._offers_upgrade:
            super().on_message_complete()

    def _is_write_paused(self) -> bool:
        return self.flow.write_paused

    def _feed(self, data: memoryview) -> memoryview:
        """Returns what follows a head that offered an upgrade. Raises `HttpParserError`."""
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            if self.parser.get_method() == b"CONNECT":
                self._refuse_head("CONNECT is not supported.")
                return data[len(data) :]
            self._parse_without_upgrade()
            return data[upgrade.args[0] :]
        return data[len(data) :]

    def _parse_without_upgrade(self) -> None:
        version = self.parser.get_http_version().encode()
        head = [self.parser.get_method(), b" ", self.url, b" HTTP/", version, b"\r\n"]
        for name, value in self.headers:
            if name == b"connection":
                options = (option.strip() for option in value.split(b","))
                value = b", ".join(option for option in options if option.lower() not in UPGRADE_HEADERS)
            if name not in UPGRADE_HEADERS:
                head += [name, b": ", value, b"\r\n"]
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn does
        self.parser.feed_data(b"".join((*head, b"\r\n")))

    def _refuse_head(self, message: str) -> None:
        self.logger.warning(message)
        if self.is_responding and self.has_started_response:  # no other one can begin inside it
            self.transport.close()
        else:
            self.send_400_response(message)

    @property
    def has_received_request(self) -> bool:
        return self.cycle is not None

    @property
    def has_started_response(self) -> bool:
        """To the current request."""
        return self.cycle is not None and bool(self.cycle.response_started)

    @property
    def is_responding(self) -> bool:
        """Whether the response to a request is not complete."""
        return self.cycle is not None and not self.cycle.response_complete


def status_line(status_code: int) -> bytes:
    """The first line of a response, with its line end."""
    return STATUS_LINE[status_code]


def connections_of(server: uvicorn.Server) -> Iterable[asyncio.Protocol]:
    """Every open connection."""
    return tuple(server.server_state.connections)


def listeners_of(server: uvicorn.Server) -> Iterable[asyncio.base_events.Server]:
    """What accepts connections while the server runs."""
    return tuple(server.servers)
