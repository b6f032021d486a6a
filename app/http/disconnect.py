"""Detects that the client has disconnected while the response is still being produced."""

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

from starlette.requests import ClientDisconnect
from starlette.types import Receive

WATCH_AFTER_SECONDS: Final = 0.05  # most short responses are complete by then and need no task


class DisconnectWatch:
    """Calls `on_disconnect` when the client disconnects, until it is closed.

    Open it only after the body was read: it takes over `receive`.
    """

    __slots__ = ("_on_disconnect", "_receive", "_timer", "_watcher")

    def __init__(self, receive: Receive, on_disconnect: Callable[[], None]) -> None:
        self._receive = receive
        self._on_disconnect = on_disconnect
        self._watcher: asyncio.Task[None] | None = None
        self._timer = asyncio.get_running_loop().call_later(WATCH_AFTER_SECONDS, self._start)

    def close(self) -> None:
        self._timer.cancel()
        if self._watcher is not None:
            self._watcher.cancel()

    def _start(self) -> None:
        self._watcher = asyncio.get_running_loop().create_task(self._watch())

    async def _watch(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._on_disconnect()


class AbortOnDisconnect:
    """`async with` whose block is cancelled when the client disconnects; then raises `ClientDisconnect`."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._is_gone = False

    async def __aenter__(self) -> Self:
        task = asyncio.current_task()
        assert task is not None
        self._task = task
        self._watch = DisconnectWatch(self._receive, self._abort)
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._watch.close()
        del self._watch  # which refers to this
        if self._is_gone and exc_type is asyncio.CancelledError and self._task.uncancel() == 0:
            raise ClientDisconnect from None

    def _abort(self) -> None:
        self._is_gone = True
        self._task.cancel()
