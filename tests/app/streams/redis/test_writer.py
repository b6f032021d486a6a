"""What Redis has of a recording, and what is asked of its gateway, whatever is lost on the way."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from redis.asyncio import Redis

from app.errors import StreamStopped
from app.streams.redis.keys import KEY_PREFIX, chunks_key, state_key, stops_key
from app.streams.redis.writer import RecordingWriter

from ...eventually import PATIENT_SECONDS
from .process import Process

pytestmark = [pytest.mark.anyio, pytest.mark.servers]


class Writer:
    """Of a gateway that calls Redis when it is told to. `process` has its recordings, and does not."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.client = process.redis.client
        self.writer = RecordingWriter("gateway-1", lambda _: 300)

    async def call(self, *, is_response_lost: bool = False) -> None:
        pipeline = self.client.pipeline(transaction=False)
        self.writer.add_renewal(pipeline)
        self.writer.add_batch(pipeline)
        results = iter(await pipeline.execute())
        if not is_response_lost:
            self.writer.take_renewal(results)
            self.writer.take_batch(results)


@pytest.fixture
async def writer(redis_url: str) -> AsyncIterator[Writer]:
    process = Process(redis_url, PATIENT_SECONDS, is_shared=False)
    yield Writer(process)
    await process.aclose()


async def _chunks_in(client: Redis, recording_id: str) -> bytes:
    entries: Any = await client.xrange(chunks_key(recording_id))
    return b"".join(fields.get(b"chunks", b"") for _, fields in entries)


async def _keys_that_live_for_ever(client: Redis) -> list[bytes]:
    keys = [key async for key in client.scan_iter(f"{KEY_PREFIX}*")]
    assert keys
    return [key for key in keys if await client.ttl(key) == -1]


async def test_stop_is_not_lost_with_the_response_that_had_it(writer: Writer) -> None:
    recording = writer.process.begin()
    writer.writer.add(recording)
    await writer.client.sadd(stops_key("gateway-1"), recording.info.recording_id)
    await writer.call(is_response_lost=True)
    assert not writer.process.stopped
    await writer.call()
    assert writer.process.stopped == [StreamStopped]
    await writer.call()
    assert not await writer.client.exists(stops_key("gateway-1")), "it is done"


@pytest.mark.parametrize("lost", ["state", "chunks", "both"])
async def test_key_that_redis_has_lost_is_made_again_and_does_not_live_for_ever(
    writer: Writer, lost: str
) -> None:
    recording = writer.process.begin()
    recording_id = recording.info.recording_id
    writer.writer.add(recording)
    recording.append(b"1 ")
    await writer.call()
    keys = {"state": state_key(recording_id), "chunks": chunks_key(recording_id)}
    await writer.client.delete(*(key for name, key in keys.items() if lost in (name, "both")))
    recording.append(b"2 ")
    recording.run_in_background()
    await writer.call()
    assert not await _keys_that_live_for_ever(writer.client)
    await writer.call()
    assert await _chunks_in(writer.client, recording_id) == b"1 2 "
    state: Any = await writer.client.hgetall(state_key(recording_id))
    assert {state[b"user"], state[b"background"]} == {b"usr_1", b"1"}
    assert not await _keys_that_live_for_ever(writer.client)


async def test_batch_whose_response_is_lost_is_written_once(writer: Writer) -> None:
    recording = writer.process.begin()
    recording_id = recording.info.recording_id
    writer.writer.add(recording)
    recording.append(b"1 ")
    await writer.call(is_response_lost=True)
    recording.append(b"2 ")
    await writer.call(is_response_lost=True)
    await writer.call()
    recording.append(b"3 ")
    await writer.call(is_response_lost=True)
    recording.end(is_complete=True)
    await writer.call()
    assert await _chunks_in(writer.client, recording_id) == b"1 2 3 "
    assert writer.writer.is_idle
    assert 290 < await writer.client.ttl(chunks_key(recording_id)) <= 300
