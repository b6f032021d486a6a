"""Time that passes when a test says so."""

import asyncio


class FakeSleep:
    """Stands in for `asyncio.sleep` in one task that sleeps again and again."""

    def __init__(self) -> None:
        self.asleep = asyncio.Event()
        self._wake = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        self.asleep.set()
        await self._wake.wait()
        self._wake.clear()

    async def end(self) -> None:
        """Wakes the sleeper, once it sleeps."""
        await self.asleep.wait()
        self.asleep.clear()
        self._wake.set()

    async def pass_round(self) -> None:
        """Wakes the sleeper and waits until it has done its work and sleeps again."""
        await self.end()
        await self.asleep.wait()
