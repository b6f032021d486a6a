"""The body of one request: counted and capped as it arrives, and the files that are made of it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive, Scope

from app.errors import BodyTooLarge
from app.http.body.spooled_file import SpooledFile
from app.memory_budget import MemoryClaim


class RequestBody:
    """Made and closed by `app/http/guard.py`, as a context manager; reached by `body_of`."""

    def __init__(
        self,
        receive: Receive,
        max_bytes: int,
        memory: MemoryClaim,
        directory: Path,
        turns: asyncio.Semaphore,
    ) -> None:
        self.max_bytes = max_bytes
        self.memory = memory
        self.turns = turns  # shared by all bodies: held while a slice of this one is worked on
        self.is_complete = False
        self._received_bytes = 0
        self._receive = receive
        self._directory = directory
        self._files: list[SpooledFile] = []

    async def receive(self) -> Message:
        """As ASGI has it. Raises `BodyTooLarge`."""
        message = await self._receive()
        if message["type"] == "http.request":
            self._received_bytes += len(message.get("body", b""))
            self.is_complete = not message.get("more_body", False)
            if self._received_bytes > self.max_bytes:
                raise BodyTooLarge
        return message

    async def stream(self) -> AsyncIterator[bytes]:
        """The chunks as they arrive. Raises `BodyTooLarge` and `ClientDisconnect`."""
        while not self.is_complete:
            chunk, _ = await next_chunk(self.receive)
            yield chunk

    def new_file(self) -> SpooledFile:
        """Closed with the body."""
        file = SpooledFile(self.memory, self._directory)
        self._files.append(file)
        return file

    def __enter__(self) -> "RequestBody":
        return self

    def __exit__(self, *error: object) -> None:
        for file in self._files:
            file.close()


async def next_chunk(receive: Receive) -> tuple[bytes, bool]:
    """The next part of a body, and whether it is the last one. Raises `ClientDisconnect`."""
    message = await receive()
    if message["type"] == "http.disconnect":
        raise ClientDisconnect
    return message.get("body", b""), not message.get("more_body", False)


def body_of(scope: Scope) -> RequestBody:
    """The body of the request that an ASGI scope belongs to."""
    body: RequestBody = scope["state"]["body"]
    return body
