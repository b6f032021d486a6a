"""What one call to Redis reads, and what becomes of a copy that was given up."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from redis.asyncio import Redis

from app.memory_budget import MemoryBudget
from app.streams.bounds import StreamBounds
from app.streams.recording import Recording, RecordingInfo
from app.streams.redis.follower import LOST_SECONDS, MAX_READ_BYTES, RecordingFollower
from app.streams.redis.writer import MAX_ENTRY_BYTES

from ...eventually import PATIENT_SECONDS
from .process import STREAM, Process, until_shared

pytestmark = [pytest.mark.anyio, pytest.mark.servers]


class Reader:
    """A follower whose clock stands still, and which calls Redis when it is told to."""

    def __init__(self, redis_url: str) -> None:
        self.now = 0.0
        self.client = Redis.from_url(redis_url)
        self.bounds = StreamBounds(MemoryBudget(2**20, 2**20, stream_bytes=2**27).streams, 2**22, 2**26)
        self.follower = RecordingFollower(self._copy, lambda: self.now)
        self.read_bytes = 0  # by the last call

    async def follow(self, recording: Recording) -> Recording:
        info = recording.info
        copy = await self.follower.follow(self.client, info.recording_id, info.user_id)
        assert copy is not None
        return copy

    async def call(self) -> None:
        pipeline = self.client.pipeline(transaction=False)
        self.follower.add_renewal(pipeline)
        self.follower.add_reads(pipeline)
        results = await pipeline.execute()
        self.read_bytes = _size(results)
        iterator = iter(results)
        self.follower.take_renewal(iterator)
        self.follower.take_reads(iterator)

    def _copy(self, info: RecordingInfo) -> Recording:
        held = self.bounds.hold(info.user_id)
        assert held is not None
        return Recording(info, held, lambda _: None, None, lambda _: None)


def _size(result: Any) -> int:
    if isinstance(result, list):
        return sum(map(_size, result))
    return len(result) if isinstance(result, bytes) else 0


@pytest.fixture
async def maker(redis_url: str) -> AsyncIterator[Process]:
    process = Process(redis_url, PATIENT_SECONDS)
    yield process
    await process.aclose()


@pytest.fixture
async def other(redis_url: str) -> AsyncIterator[Process]:
    process = Process(redis_url, PATIENT_SECONDS)
    yield process
    await process.aclose()


@pytest.fixture
async def reader(redis_url: str) -> AsyncIterator[Reader]:
    reader = Reader(redis_url)
    yield reader
    await reader.client.aclose()


async def test_one_call_reads_a_bounded_number_of_bytes_and_none_waits_for_ever(
    maker: Process, other: Process, reader: Reader
) -> None:
    originals = [maker.begin() for _ in range(10)]
    for original in originals:
        for number in range(200):
            original.append(b"%-999d\n" % number)
        original.end(is_complete=True)
    for original in originals:
        assert len(await other.read(original)) == 200_000  # so that everything is written

    copies = [await reader.follow(original) for original in originals]
    calls = 0
    while not all(copy.is_ended for copy in copies):
        await reader.call()
        calls += 1
        assert reader.read_bytes < MAX_READ_BYTES + 2 * MAX_ENTRY_BYTES
        if calls == 10:
            assert all(copy.last_number for copy in copies), "each had its turn"
    assert calls >= 10 * 200_000 // MAX_READ_BYTES
    for copy in copies:
        assert copy.is_complete
        assert b"".join([piece async for piece in copy.read(0)]).split()[-1] == b"199"


async def test_copy_that_was_given_up_is_not_found_again(
    maker: Process, other: Process, reader: Reader
) -> None:
    original = maker.begin()
    original.append(b"1 ")
    await until_shared(other, original)
    copy = await reader.follow(original)
    await reader.call()
    with copy.reading():
        reader.now += LOST_SECONDS + 1
        reader.follower.give_up_lost()
        assert copy.is_ended
        assert not copy.is_complete
        assert b"".join([piece async for piece in copy.read(0)]) == b"1 ", "its readers have what it has"
    original.append(b"2 ")
    original.end(is_complete=True)
    assert reader.follower.find(original.info.recording_id) is None
    again = await reader.follow(original)
    assert again is not copy
    while not again.is_ended:
        await reader.call()
    assert again.is_complete
    assert again.head == STREAM
    assert b"".join([piece async for piece in again.read(0)]) == b"1 2 "
    reader.now += 100
    await reader.call()
    assert reader.follower.is_idle
