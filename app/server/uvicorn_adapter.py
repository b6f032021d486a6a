"""What this package uses of uvicorn's internals, which a new version may change.

`tests/app/server/test_uvicorn_adapter.py` fails then. `pyproject.toml` bounds the version.
"""

import asyncio
from collections.abc import Iterable

import uvicorn
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol


class UvicornProtocol(HttpToolsProtocol):
    """uvicorn's HTTP/1.1 connection, with names for what its `cycle` (the current request) says."""

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
