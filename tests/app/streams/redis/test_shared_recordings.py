"""Two gateways that share a Redis: what one of them makes, the other one reads, stops and outlives."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from app.errors import StreamAbandoned, StreamNotFound, StreamStopped, StreamsUnavailable
from app.streams.recording import Recording
from testbed.fault_proxy import FaultProxy
from testbed.servers import RedisServer

from ...eventually import PATIENT_SECONDS, eventually
from .process import Process, until_shared

pytestmark = [pytest.mark.anyio, pytest.mark.servers]


@pytest.fixture
async def first(redis_url: str) -> AsyncIterator[Process]:
    process = Process(redis_url, PATIENT_SECONDS)
    yield process
    await process.aclose()


@pytest.fixture
async def second(redis_url: str) -> AsyncIterator[Process]:
    process = Process(redis_url, PATIENT_SECONDS)
    yield process
    await process.aclose()


async def test_other_process_follows_a_response_to_its_end(first: Process, second: Process) -> None:
    recording = first.begin()
    recording.append(b"1 ")
    await until_shared(second, recording)
    reading = [asyncio.create_task(second.read(recording, after)) for after in (0, 2)]
    await eventually(lambda: second.recordings.readers == 2)
    for number in range(2, 301):
        recording.append(b"%d " % number)
        if number % 50 == 0:
            await asyncio.sleep(0.03)  # into another batch
    recording.end(is_complete=True)
    whole = b"".join(b"%d " % number for number in range(1, 301))
    assert await asyncio.gather(*reading) == [whole, whole[4:]]
    assert await second.read(recording, 299) == b"300 ", "also after its end"
    with pytest.raises(StreamNotFound):
        await second.recordings.find(recording.info.recording_id, "usr_2")


async def test_other_process_stops_it(first: Process, second: Process) -> None:
    recording = first.begin()
    await until_shared(second, recording)
    await second.recordings.stop(recording.info.recording_id, "usr_1")
    await eventually(lambda: bool(first.stopped))
    assert first.stopped == [StreamStopped]


async def test_reader_elsewhere_keeps_it_going(redis_url: str, second: Process) -> None:
    first = Process(redis_url, PATIENT_SECONDS, unread_seconds=2.5)
    recording = first.begin()
    await until_shared(second, recording)
    reading = asyncio.create_task(second.read(recording))
    await eventually(lambda: second.recordings.readers == 1)
    with recording.reading():
        pass
    loop = asyncio.get_running_loop()
    left_at = loop.time()
    await asyncio.sleep(3.5)
    assert not first.stopped
    reading.cancel()
    await asyncio.wait([reading])
    await eventually(lambda: bool(first.stopped))
    assert first.stopped == [StreamAbandoned]
    assert loop.time() - left_at > 5.0
    await first.aclose()


async def test_response_of_a_process_that_died_is_interrupted(redis_url: str, second: Process) -> None:
    first = Process(redis_url, PATIENT_SECONDS)
    recording = first.begin()
    recording.append(b"1 ")
    await until_shared(second, recording)
    reading = asyncio.create_task(second.read(recording))
    await eventually(lambda: second.recordings.readers == 1)
    found = await second.recordings.find(recording.info.recording_id, "usr_1")
    await eventually(lambda: found.last_number == 1)
    await first.die()
    died_at = asyncio.get_running_loop().time()
    assert await reading == b"1 "
    assert not found.is_complete
    assert asyncio.get_running_loop().time() - died_at < PATIENT_SECONDS
    await first.redis.aclose()


async def test_response_that_ends_without_a_start(first: Process, second: Process) -> None:
    recording = first.recordings.begin("usr_1", "/chat", first.stopped.append)
    assert recording is not None
    await until_shared(second, recording)
    found = await second.recordings.find(recording.info.recording_id, "usr_1")
    recording.end(is_complete=False)
    assert not await found.has_started()


async def test_redis_that_comes_back_empty_gets_everything_again(
    redis_server: RedisServer, redis_url: str
) -> None:
    first, second = Process(redis_url, 0.5), Process(redis_url, 0.5)
    recording = first.begin()
    recording.append(b"1 ")
    await until_shared(second, recording)
    redis_server.stop()
    recording.append(b"2 ")
    await eventually(lambda: first.recordings.is_degraded)
    with pytest.raises(StreamsUnavailable):
        await _find_anew(redis_url, recording)
    assert not recording.is_ended
    redis_server.start()
    await eventually(lambda: not first.recordings.is_degraded)
    recording.append(b"3 ")
    third = Process(redis_url, PATIENT_SECONDS)
    await until_shared(third, recording)
    recording.end(is_complete=True)
    assert await third.read(recording) == b"1 2 3 "
    for process in (first, second, third):
        await process.aclose()


async def _find_anew(redis_url: str, recording: Recording) -> None:
    process = Process(redis_url, 0.5)
    try:
        await process.recordings.find(recording.info.recording_id, "usr_1")
    finally:
        await process.aclose()


async def test_end_that_is_made_at_the_stop_is_still_shared(redis_url: str, second: Process) -> None:
    first = Process(redis_url, PATIENT_SECONDS)
    recording = first.begin()
    recording.append(b"1 ")
    recording.end(is_complete=True)
    await first.aclose()
    assert await second.read(recording) == b"1 "


async def test_oldest_chunks_are_gone_for_other_processes_too(first: Process, second: Process) -> None:
    recording = first.begin()
    for number in range(1, 1_001):
        recording.append(b"%-9999d\n" % number)  # ten times what one may take
    recording.end(is_complete=True)
    await until_shared(second, recording)
    newest = await second.read(recording, 995)
    assert newest.split() == [b"996", b"997", b"998", b"999", b"1000"]


async def test_copy_that_nobody_reads_is_given_up(first: Process, second: Process) -> None:
    recording = first.begin()
    recording.append(b"1 ")
    await until_shared(second, recording)
    assert second.budget.streams.used_bytes > 0
    await eventually(lambda: second.budget.streams.used_bytes == 0)
    recording.append(b"2 ")
    recording.end(is_complete=True)
    assert await second.read(recording) == b"1 2 "


async def test_slow_reading_does_not_end_the_sharing_of_limits(
    first: Process, redis_server: RedisServer, redis_url: str
) -> None:
    proxy = FaultProxy(redis_server.port)
    proxy.to_client.bytes_per_second = 512 * 1024
    async with proxy.serving():
        second = Process(redis_url.replace(str(redis_server.port), str(proxy.port)), PATIENT_SECONDS)
        recordings = [first.begin() for _ in range(3)]
        for recording in recordings:
            for number in range(400):
                recording.append(b"%-999d\n" % number)
            recording.end(is_complete=True)
        await until_shared(second, recordings[-1])
        bodies = await asyncio.gather(*map(second.read, recordings))
        assert [len(body) for body in bodies] == [400_000] * 3
        assert not second.redis.breaker.is_open
        assert not second.recordings.is_degraded
        await second.aclose()


async def test_ended_response_that_redis_has_lost_is_written_again(
    first: Process, redis_server: RedisServer, redis_url: str
) -> None:
    recordings = [first.begin() for _ in range(2)]
    for recording in recordings:
        recording.append(b"1 ")
        recording.end(is_complete=True)
    second = Process(redis_url, PATIENT_SECONDS)
    assert await second.read(recordings[0]) == b"1 "
    await second.aclose()
    redis_server.flush()
    third = Process(redis_url, PATIENT_SECONDS)
    for recording in recordings:
        await until_shared(third, recording)
        assert await third.read(recording) == b"1 "
    await third.aclose()
