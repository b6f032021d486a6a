"""Time that tests control."""

import asyncio


class FakeSleep:
    """Replaces `asyncio.sleep` in one task that sleeps repeatedly."""

    def __init__(self) -> None:
        self.asleep = asyncio.Event()
        self._wake = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        self.asleep.set()
        await self._wake.wait()
        self._wake.clear()

    async def end(self) -> None:
        """Wake the task as soon as it sleeps."""
        await self.asleep.wait()
        self.asleep.clear()
        self._wake.set()

    async def pass_round(self) -> None:
        """Wake the task and wait until it sleeps again."""
        await self.end()
        await self.asleep.wait()
