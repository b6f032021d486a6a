"""Publishes this gateway's report every few seconds, and once more when it stops."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import replace

from app.ops.dashboard import Dashboard
from app.ops.history import SAMPLE_SECONDS, History
from app.ops.shared_reports import ReportsUnavailable, SharedReports


class ReportPublisher:
    """Started and closed by `app/lifespan.py`, which closes Redis after it."""

    def __init__(
        self,
        dashboard: Dashboard,
        history: History,
        shared: SharedReports,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._dashboard = dashboard
        self._history = history
        self._shared = shared
        self._sleep = sleep
        self._published_until = 0.0
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="ops-reports")

    async def aclose(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None
            await self.publish(is_stopped=True)

    async def publish(self, *, is_stopped: bool = False) -> None:
        """What Redis missed while it was unavailable is published with the next report."""
        samples = self._history.samples_after(self._published_until)
        report = replace(self._dashboard.report(), is_stopped=is_stopped)
        with contextlib.suppress(ReportsUnavailable):
            await self._shared.publish(report, samples)
            if samples:
                self._published_until = samples[-1].at

    async def _run(self) -> None:
        while True:
            await self.publish()
            await self._sleep(SAMPLE_SECONDS)
