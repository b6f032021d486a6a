"""What is kept after its end, for how long, what gives way to something else, and what Redis never has."""

import asyncio

import pytest
from redis.asyncio import Redis

from app.errors import Overloaded, StreamNotFound, TooManyReaders
from app.memory_budget import MemoryBudget
from app.redis.shared_redis import SharedRedis
from app.streams.bounds import OVERHEAD_BYTES, READER_BYTES, STEP_BYTES, StreamBounds
from app.streams.recording import PIECE_BYTES, Recording, ResponseHead
from app.streams.recordings import UNKEPT_SECONDS, Keeping, Recordings
from app.streams.redis.keys import KEY_PREFIX, chunks_key, state_key

from ..eventually import eventually

pytestmark = pytest.mark.anyio

RUNNING_BYTES = OVERHEAD_BYTES + STEP_BYTES
WHOLE = ResponseHead(200, ((b"content-type", b"application/json"),))


def recordings(max_bytes: int, max_user_bytes: int, redis: SharedRedis | None = None) -> Recordings:
    budget = MemoryBudget(2**20, 2**20, stream_bytes=max_bytes)
    return Recordings(StreamBounds(budget.streams, max_bytes, max_user_bytes), Keeping(60, 300), redis)


def begin(kept: Recordings, user_id: str = "usr_1") -> Recording | None:
    return kept.begin(user_id, "/chat", lambda _: None)


def make(kept: Recordings, user_id: str = "usr_1", size: int = STEP_BYTES - 100) -> Recording:
    """One that has ended."""
    recording = begin(kept, user_id)
    assert recording is not None
    recording.start(WHOLE)
    recording.append(b"x" * size)
    recording.end(is_complete=True)
    return recording


async def is_kept(kept: Recordings, recording: Recording) -> bool:
    try:
        await kept.find(recording.info.recording_id, recording.info.user_id)
    except StreamNotFound:
        return False
    return True


async def test_oldest_ended_response_that_nobody_reads_gives_way() -> None:
    kept = recordings(2**20, max_user_bytes=4 * RUNNING_BYTES)
    ended = [make(kept) for _ in range(3)]
    with ended[0].reading():
        assert begin(kept) is not None
        assert begin(kept) is not None
        assert [await is_kept(kept, each) for each in ended] == [True, False, True]
    assert begin(kept) is not None
    assert begin(kept) is not None
    assert begin(kept) is None, "what runs does not give way"
    assert kept.count(ended=False) == 4
    assert kept.count(ended=True) == 0
    await kept.aclose()


async def test_growing_response_evicts_ended_ones_before_it_loses_its_beginning() -> None:
    kept = recordings(2**20, max_user_bytes=100_000)
    for _ in range(5):
        make(kept)
    running = begin(kept)
    assert running is not None
    for _ in range(80):
        running.append(b"x" * 1_000)
    assert running.first_number == 1
    assert kept.count(ended=True) < 5
    await kept.aclose()


async def test_own_responses_give_way_before_those_of_others() -> None:
    kept = recordings(4 * RUNNING_BYTES, max_user_bytes=4 * RUNNING_BYTES)
    others, own = make(kept, "usr_2"), make(kept, "usr_1")
    assert begin(kept, "usr_3") is not None
    assert begin(kept, "usr_3") is not None
    assert begin(kept, "usr_1") is not None
    assert (await is_kept(kept, others), await is_kept(kept, own)) == (True, False)
    assert begin(kept, "usr_3") is not None
    assert not await is_kept(kept, others), "an idle gateway refuses nobody"
    await kept.aclose()


async def test_readers_of_a_stream_of_a_user_and_of_all_are_bounded() -> None:
    kept = recordings(6 * READER_BYTES, max_user_bytes=4 * READER_BYTES)
    first, second, others = make(kept), make(kept), make(kept, "usr_2")
    first_reader = first.reading()
    with first_reader, first.joining(), first.joining(), second.joining(), second.joining():
        with pytest.raises(TooManyReaders), second.joining():
            pass
        with others.joining(), others.joining(), pytest.raises(Overloaded), others.joining():
            pass
        assert kept.readers == 5
    with second.joining():
        assert kept.readers == 1
    await kept.aclose()


async def test_slow_reader_gets_pieces_of_a_bounded_size() -> None:
    kept = recordings(2**22, 2**22)
    recording = begin(kept)
    assert recording is not None
    for number in range(3_000):
        recording.append(b"%-99d\n" % number)
    reading = recording.read(0)
    pieces = [await anext(reading) for _ in range(3)]
    recording.end(is_complete=True)  # it is packed
    pieces += [piece async for piece in reading]
    assert b"".join(pieces) == b"".join(b"%-99d\n" % number for number in range(3_000))
    assert max(map(len, pieces)) <= PIECE_BYTES
    await kept.aclose()


@pytest.mark.servers
async def test_evicted_response_is_gone_from_redis_too(redis_url: str) -> None:
    redis = SharedRedis.open(redis_url)
    kept = recordings(2**20, 4 * RUNNING_BYTES, redis)
    ended = make(kept)
    keys = [state_key(ended.info.recording_id), chunks_key(ended.info.recording_id)]
    await _until(redis.client, 2, *keys)
    while kept.count(ended=True):
        assert begin(kept) is not None
    await _until(redis.client, 0, *keys)
    await kept.aclose()
    await redis.aclose()


@pytest.mark.servers
async def test_redis_never_has_tokens_and_has_responses_that_are_not_kept_for_seconds(redis_url: str) -> None:
    redis = SharedRedis.open(redis_url)
    kept = recordings(2**20, 2**20, redis)
    token, keyed = (
        kept.begin("usr_1", path, lambda _: None, is_kept=False) for path in ("/admin/tokens", "/chat")
    )
    for recording in (token, keyed):
        assert recording is not None
        recording.start(WHOLE)
        recording.append(b"{}")
        recording.end(is_complete=True)
    assert token is not None
    assert keyed is not None
    await _until(redis.client, 1, chunks_key(keyed.info.recording_id))
    assert 0 < await redis.client.ttl(chunks_key(keyed.info.recording_id)) <= UNKEPT_SECONDS
    assert 0 < await redis.client.ttl(state_key(keyed.info.recording_id)) <= UNKEPT_SECONDS
    names = [name async for name in redis.client.scan_iter(f"{KEY_PREFIX}*")]
    assert not [name for name in names if token.info.recording_id.encode() in name]
    assert await is_kept(kept, token), "for readers that are on their way"
    await kept.aclose()
    await redis.aclose()


async def _until(client: Redis, count: int, *keys: str) -> None:
    """So many of the keys exist."""
    async with asyncio.timeout(10):
        while await client.exists(*keys) != count:
            pass


async def test_response_that_is_not_kept_expires() -> None:
    budget = MemoryBudget(2**20, 2**20, stream_bytes=2**20)
    bounds = StreamBounds(budget.streams, 2**20, 2**20)
    kept = Recordings(bounds, Keeping(60, ended_seconds=0.01))
    recording = kept.begin("usr_1", "/chat", lambda _: None, is_kept=False)
    assert recording is not None
    with recording.joining():
        recording.end(is_complete=True)
        await asyncio.sleep(0.05)
        assert await is_kept(kept, recording)
    await eventually(lambda: budget.streams.used_bytes == 0)
    assert not await is_kept(kept, recording)
