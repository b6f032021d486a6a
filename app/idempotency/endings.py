"""Writes to the database that are tried until they succeed: how runs ended, whoever still waits for it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from app.errors import DatabaseUnavailable

MAX_WAIT_SECONDS: Final = 2.0  # of whoever begins a write; it goes on

Write = Callable[[], Awaitable[None]]

logger = logging.getLogger(__name__)


class Endings:
    """Owned by `IdempotencyKeys`, which closes it."""

    def __init__(self, retry_seconds: float) -> None:
        self.held_bytes = 0  # of responses that are not stored yet
        self._retry_seconds = retry_seconds
        self._tasks: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._tasks)

    def begin(self, write: Write, on_end: Callable[[], None], held_bytes: int = 0) -> "asyncio.Task[None]":
        """Goes on if the caller is cancelled. Calls `on_end` after the write, or if it is given up."""
        task = asyncio.create_task(self._write(write, on_end, held_bytes), name="idempotency-ending")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def wait_for(self, task: "asyncio.Task[None]") -> None:
        """For a while: the end of a response waits for this."""
        await asyncio.wait({task}, timeout=MAX_WAIT_SECONDS)

    async def aclose(self) -> None:
        """Waits for a while; what is not written then never is, and leases end by themselves."""
        tasks = tuple(self._tasks)
        if tasks:
            await asyncio.wait(tasks, timeout=MAX_WAIT_SECONDS)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _write(self, write: Write, on_end: Callable[[], None], held_bytes: int) -> None:
        self.held_bytes += held_bytes
        try:
            while True:
                try:
                    await write()
                    return
                except (DatabaseUnavailable, SQLAlchemyError) as error:
                    reason = type(error).__name__
                    logger.warning("an idempotency key is not up to date", extra={"reason": reason})
                await asyncio.sleep(self._retry_seconds)
        finally:
            self.held_bytes -= held_bytes
            on_end()
