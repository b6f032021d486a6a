"""The recordings of one gateway, of several that share a Redis."""

import asyncio

from app.errors import GatewayError, StreamNotFound
from app.memory_budget import MemoryBudget
from app.redis.shared_redis import SharedRedis
from app.streams.bounds import StreamBounds
from app.streams.recording import Recording, ResponseHead
from app.streams.recordings import Keeping, Recordings

from ...eventually import PATIENT_SECONDS

STREAM = ResponseHead(200, ((b"content-type", b"text/event-stream"), (b"x-latin", "é".encode("latin-1"))))


class Process:
    """Notes what it is told to stop."""

    def __init__(
        self, url: str, breaker_seconds: float, unread_seconds: float = 60.0, *, is_shared: bool = True
    ) -> None:
        self.redis = SharedRedis.open(url)
        budget = MemoryBudget(2**20, 2**20, stream_bytes=2**26)
        bounds = StreamBounds(budget.streams, 2**22, 2**24)
        self.budget = budget
        shared = self.redis if is_shared else None
        self.recordings = Recordings(bounds, Keeping(unread_seconds, 300), shared, breaker_seconds)
        self.stopped: list[type[GatewayError]] = []

    def begin(self, user_id: str = "usr_1") -> Recording:
        recording = self.recordings.begin(user_id, "/chat", self.stopped.append)
        assert recording is not None
        recording.start(STREAM)
        return recording

    async def read(self, recording: Recording, after: int = 0) -> bytes:
        found = await self.recordings.find(recording.info.recording_id, recording.info.user_id)
        with found.reading():
            assert await found.has_started()
            assert found.head == STREAM
            return b"".join([piece async for piece in found.read(after)])

    async def aclose(self) -> None:
        await self.recordings.aclose()
        await self.redis.aclose()

    async def die(self) -> None:
        """As if it were killed: nothing is written any more."""
        task = self.recordings._shared._task  # type: ignore[union-attr]
        assert task is not None
        task.cancel()
        await asyncio.wait([task])


async def until_shared(process: Process, recording: Recording) -> None:
    async with asyncio.timeout(PATIENT_SECONDS):
        while True:
            try:
                await process.recordings.find(recording.info.recording_id, recording.info.user_id)
            except StreamNotFound:
                await asyncio.sleep(0.001)
            else:
                return
