import asyncio
import logging
import time
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from app.redis.circuit_breaker import MAX_CALLS, CircuitBreaker, RedisUnavailable

from ..eventually import eventually
from ..fake_sleep import FakeSleep

pytestmark = pytest.mark.anyio


class FakePool:
    def __init__(self) -> None:
        self.disconnections = 0

    async def disconnect(self, *, inuse_connections: bool) -> None:
        assert not inuse_connections, "calls that run end by themselves"
        self.disconnections += 1


class FakeRedis(Redis):
    """Responds to pings while it is available."""

    def __init__(self) -> None:
        self.is_available = False
        self.pings = 0
        self.connection_pool = FakePool()  # type: ignore[assignment]  # what the breaker uses of one

    async def ping(self) -> bool:  # type: ignore[override]  # no options are used
        self.pings += 1
        if not self.is_available:
            raise RedisConnectionError("redis://:secret@10.0.0.1 refused")
        return True

    def __del__(self) -> None:
        """Has no connection to close."""


@pytest.fixture
def redis() -> FakeRedis:
    return FakeRedis()


@pytest.fixture
def seconds() -> FakeSleep:
    return FakeSleep()


@pytest.fixture
async def breaker(redis: FakeRedis, seconds: FakeSleep) -> AsyncIterator[CircuitBreaker]:
    breaker = CircuitBreaker(redis, timeout_seconds=0.01, sleep=seconds.sleep)
    yield breaker
    await breaker.aclose()


async def silence() -> None:
    await asyncio.Event().wait()


async def respond() -> int:
    return 7


async def failure() -> None:
    raise RedisConnectionError("redis://:secret@10.0.0.1 refused")


async def test_a_response_passes_through(breaker: CircuitBreaker):
    assert await breaker.call(respond) == 7
    assert not breaker.is_open


@pytest.mark.parametrize("operation", [silence, failure])
async def test_silence_and_failure_open_it(breaker: CircuitBreaker, operation):
    with pytest.raises(RedisUnavailable):
        await breaker.call(operation)
    assert breaker.is_open


async def test_while_open_redis_is_not_called(breaker: CircuitBreaker):
    with pytest.raises(RedisUnavailable):
        await breaker.call(failure)

    async def must_not_run() -> None:
        raise AssertionError("called")

    with pytest.raises(RedisUnavailable):
        await breaker.call(must_not_run)


async def test_it_closes_when_redis_responds_to_the_probe(
    breaker: CircuitBreaker, redis: FakeRedis, seconds: FakeSleep
):
    with pytest.raises(RedisUnavailable):
        await breaker.call(failure)
    await seconds.end()
    await seconds.asleep.wait()  # the probe failed: it waits for the next second
    assert breaker.is_open
    redis.is_available = True
    await seconds.end()
    await eventually(lambda: not breaker.is_open)
    assert redis.pings == 2 + MAX_CALLS, "one for each connection that a burst may use"
    assert await breaker.call(respond) == 7


async def test_a_redis_that_is_unavailable_at_the_start_opens_it(breaker: CircuitBreaker):
    await breaker.start()
    assert breaker.is_open


async def test_it_opens_although_nothing_calls_it(
    breaker: CircuitBreaker, redis: FakeRedis, seconds: FakeSleep
):
    redis.is_available = True
    await breaker.start()
    await seconds.pass_round()
    assert not breaker.is_open
    redis.is_available = False
    await seconds.end()
    await eventually(lambda: breaker.is_open)


async def test_each_change_is_logged_once_and_without_the_address(
    breaker: CircuitBreaker, redis: FakeRedis, seconds: FakeSleep, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.INFO)
    for _ in range(5):
        await asyncio.gather(*(breaker.call(failure) for _ in range(5)), return_exceptions=True)
    redis.is_available = True
    await seconds.end()
    await eventually(lambda: not breaker.is_open)
    assert [record.getMessage() for record in caplog.records] == [
        "Redis is unavailable (ConnectionError); limits are no longer shared",
        "Redis is available again; limits are shared",
    ]
    assert "secret" not in caplog.text


async def test_time_in_which_the_loop_is_busy_does_not_count(redis: FakeRedis):
    breaker = CircuitBreaker(redis, timeout_seconds=0.02)
    has_arrived = asyncio.Event()

    async def busy_loop() -> None:
        for _ in range(3):
            time.sleep(0.03)  # noqa: ASYNC251 - what other requests make of this loop
            await asyncio.sleep(0)
        has_arrived.set()

    busy = asyncio.create_task(busy_loop())
    await breaker.call(has_arrived.wait)
    await busy
    assert not breaker.is_open


async def test_a_burst_waits_for_its_turn_and_does_not_open_it(redis: FakeRedis):
    breaker = CircuitBreaker(redis, timeout_seconds=30)
    at_once = most_at_once = 0

    async def operation() -> None:
        nonlocal at_once, most_at_once
        at_once += 1
        most_at_once = max(most_at_once, at_once)
        await asyncio.sleep(0)
        at_once -= 1

    await asyncio.gather(*(breaker.call(operation) for _ in range(100)))
    assert most_at_once == MAX_CALLS


async def test_calls_that_wait_for_a_silent_redis_do_not_wait_again(breaker: CircuitBreaker):
    calls = 0

    async def silent() -> None:
        nonlocal calls
        calls += 1
        await silence()

    outcomes = await asyncio.gather(*(breaker.call(silent) for _ in range(100)), return_exceptions=True)
    assert all(isinstance(outcome, RedisUnavailable) for outcome in outcomes)
    assert calls == MAX_CALLS
