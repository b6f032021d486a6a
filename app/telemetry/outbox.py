"""Encoded traces that wait to be sent: bounded in bytes, so that a collector that is away costs nothing more.

Used from the event loop's thread alone.
"""

import asyncio
from collections import deque

MAX_BYTES = 4 * 1_048_576  # some 4,000 requests
BATCH_BYTES = 256 * 1024


class Outbox:
    """The newest traces are dropped when it is full: those that wait are closer to what went wrong."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._traces: deque[bytes] = deque()
        self._bytes = 0
        self._is_filled = asyncio.Event()
        self.dropped = 0

    @property
    def is_full(self) -> bool:
        return self._bytes >= self._max_bytes

    def put(self, trace: bytes) -> None:
        if self._bytes + len(trace) > self._max_bytes:
            self.dropped += 1
            return
        self._traces.append(trace)
        self._bytes += len(trace)
        self._is_filled.set()

    def take(self) -> list[bytes]:
        """The oldest ones, about a batch of them; empty when nothing waits."""
        batch: list[bytes] = []
        taken = 0
        while self._traces and taken < BATCH_BYTES:
            batch.append(self._traces.popleft())
            taken += len(batch[-1])
        self._bytes -= taken
        if not self._traces:
            self._is_filled.clear()
        return batch

    def put_back(self, batch: list[bytes]) -> None:
        """What could not be sent yet, before all others; may exceed the bound by what came meanwhile."""
        self._traces.extendleft(reversed(batch))
        self._bytes += sum(map(len, batch))
        self._is_filled.set()

    async def wait(self) -> None:
        """Returns when something waits."""
        await self._is_filled.wait()
