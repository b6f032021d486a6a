"""One recording: its readers, the memory it holds, and what becomes of it when nobody reads."""

import asyncio

import pytest

from app.errors import GatewayError, StreamAbandoned, StreamTruncated
from app.memory_budget import MemoryBudget
from app.streams.bounds import OVERHEAD_BYTES, STEP_BYTES, StreamBounds
from app.streams.recording import Header, Recording, RecordingInfo, ResponseHead

from ..eventually import eventually

pytestmark = pytest.mark.anyio

STREAM: tuple[Header, ...] = ((b"content-type", b"text/event-stream"),)


class Studio:
    """Recordings in a budget of their own; notes what was stopped, and what has ended."""

    def __init__(self, max_bytes: int = 2**20, max_stream_bytes: int = 2**20, unread: float = 60.0) -> None:
        self.budget = MemoryBudget(2**20, 2**20, stream_bytes=max_bytes)
        self.bounds = StreamBounds(self.budget.streams, max_stream_bytes, max_bytes)
        self.unread = unread
        self.stopped: list[type[GatewayError]] = []
        self.ended: list[Recording] = []

    def recording(self) -> Recording:
        held = self.bounds.hold("usr_1")
        assert held is not None
        info = RecordingInfo("str_1", "usr_1", "/chat")
        recording = Recording(info, held, self.stopped.append, self.unread, self.ended.append)
        recording.start(ResponseHead(200, STREAM))
        return recording

    @property
    def used_bytes(self) -> int:
        return self.budget.streams.used_bytes


async def read(recording: Recording, after: int = 0) -> bytes:
    with recording.reading():
        return b"".join([piece async for piece in recording.read(after)])


async def test_readers_begin_anywhere_and_follow_to_the_end() -> None:
    recording = Studio().recording()
    for number in range(1, 4):
        recording.append(b"%d " % number)
    reading = [asyncio.create_task(read(recording, after)) for after in (0, 2, 4)]
    await eventually(lambda: recording.readers == 3)
    recording.append(b"4 ")
    recording.append(b"5 ")
    recording.end(is_complete=True)
    assert await asyncio.gather(*reading) == [b"1 2 3 4 5 ", b"3 4 5 ", b"5 "]
    assert [await read(recording, after) for after in (0, 2, 4, 5, 9)] == [
        b"1 2 3 4 5 ",
        b"3 4 5 ",
        b"5 ",
        b"",
        b"",
    ]
    assert recording.last_number == 5


async def test_ended_recording_holds_little_more_than_its_bytes() -> None:
    studio = Studio()
    recording = studio.recording()
    assert studio.used_bytes == OVERHEAD_BYTES + STEP_BYTES
    for _ in range(1_000):
        recording.append(b"x" * 100)
    assert studio.used_bytes > 100_000
    recording.end(is_complete=True)
    assert 100_000 < studio.used_bytes < 100_000 + OVERHEAD_BYTES + 5 * 1_000
    recording.discard()
    assert studio.used_bytes == 0


@pytest.mark.parametrize("bound", ["max_bytes", "max_stream_bytes"])
async def test_oldest_events_give_way_to_new_ones(bound: str) -> None:
    studio = Studio(**{bound: 100_000})
    recording = studio.recording()
    follower = asyncio.create_task(_read_each(recording))
    for number in range(1, 3_001):
        recording.append(b"%-99d\n" % number)
        assert studio.used_bytes <= 100_000
        await eventually(lambda: recording.readers == 1)
        await asyncio.sleep(0)
    recording.end(is_complete=True)
    assert len(await follower) == 3_000, "a reader that keeps up misses nothing"
    newest = await read(recording, 2_900)
    assert newest.split() == [b"%d" % number for number in range(2_901, 3_001)]
    with pytest.raises(StreamTruncated):
        await read(recording)


async def _read_each(recording: Recording) -> list[bytes]:
    with recording.reading():
        return b"".join([piece async for piece in recording.read(0)]).split()


async def test_event_that_is_larger_than_all_memory_is_not_kept() -> None:
    studio = Studio(max_stream_bytes=20_000)
    recording = studio.recording()
    recording.append(b"x" * 30_000)
    recording.end(is_complete=True)
    assert studio.used_bytes <= 20_000
    with pytest.raises(StreamTruncated):
        await read(recording)


async def test_one_that_nobody_reads_is_stopped() -> None:
    studio = Studio(unread=0.0)
    recording = studio.recording()
    with recording.reading(), recording.reading():
        pass
    await eventually(lambda: bool(studio.stopped))
    assert studio.stopped == [StreamAbandoned]


async def test_new_reader_keeps_it_going() -> None:
    studio = Studio(unread=0.0)
    recording = studio.recording()
    with recording.reading():
        pass
    with recording.reading():
        await asyncio.sleep(0)  # the timer, which is due, would fire
        await asyncio.sleep(0)
        assert not studio.stopped
        recording.end(is_complete=True)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not studio.stopped, "it has ended"
    assert studio.ended == [recording]


async def test_one_in_the_background_needs_no_reader() -> None:
    studio = Studio(unread=0.0)
    recording = studio.recording()
    recording.is_background = True
    with recording.reading():
        pass
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not studio.stopped


async def test_user_has_a_part_of_the_memory() -> None:
    budget = MemoryBudget(2**20, 2**20, stream_bytes=100_000)
    bounds = StreamBounds(budget.streams, 100_000, max_user_bytes=30_000)
    held = [bounds.hold("usr_1") for _ in range(3)]
    assert held[0] is not None
    assert held[2] is not None or held[1] is not None
    assert bounds.hold("usr_1") is None
    assert bounds.hold("usr_2") is not None
    held[0].resize(0)
    assert bounds.hold("usr_1") is not None
