"""Checks of engines that requests have just made unhealthy, at once instead of after their pause."""

import asyncio
from collections.abc import Awaitable, Callable

from inference.backends.remote.endpoint import Endpoint


class Rechecks:
    """Made and closed by `Engines`, used in the event loop. Requests wait for the same check of an engine."""

    def __init__(self, check: Callable[[Endpoint], Awaitable[str | None]]) -> None:
        """`check` is as in `health.py`."""
        self._check = check
        self._running: dict[Endpoint, asyncio.Task[None]] = {}
        self._is_open = True

    @property
    def are_running(self) -> bool:
        return bool(self._running)

    def begin(self, endpoint: Endpoint) -> None:
        if self._is_open and endpoint not in self._running:
            task = self._running[endpoint] = asyncio.create_task(self._recheck(endpoint))
            task.add_done_callback(lambda _: self._running.pop(endpoint))

    async def wait(self) -> None:
        """Until one of those that run has ended. A request that no longer waits does not end it."""
        if self._running:
            await asyncio.wait(self._running.values(), return_when=asyncio.FIRST_COMPLETED)

    async def aclose(self) -> None:
        self._is_open = False
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _recheck(self, endpoint: Endpoint) -> None:
        if await self._check(endpoint) is None:
            endpoint.note_trial()
