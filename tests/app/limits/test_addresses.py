"""The rate limit per client address, counted in memory and in a real Redis that several processes share."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest
from redis.asyncio import Redis

from app.errors import RateLimitExceeded
from app.limits.addresses import AddressLimiter, address_key
from app.redis.circuit_breaker import CircuitBreaker
from app.redis.shared_redis import SharedRedis
from testbed.servers import RedisServer

from ..eventually import eventually
from ..fake_sleep import FakeSleep
from .conftest import patient_redis

pytestmark = pytest.mark.anyio

MakeAddressLimiter = Callable[..., AddressLimiter]
ADDRESS = "203.0.113.7"


class FakeMonotonic:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def monotonic() -> FakeMonotonic:
    return FakeMonotonic()


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.servers)])
async def make_address_limiter(
    request: pytest.FixtureRequest, anyio_backend: str, monotonic: FakeMonotonic
) -> AsyncIterator[MakeAddressLimiter]:
    redis = patient_redis(request.getfixturevalue("redis_url")) if request.param == "redis" else None
    made: list[AddressLimiter] = []

    def make(attempts_per_minute: int = 3) -> AddressLimiter:
        made.append(AddressLimiter(attempts_per_minute, redis, monotonic=monotonic))
        return made[-1]

    yield make
    for limiter in made:
        await limiter.aclose()
    if redis is not None:
        await redis.aclose()


@pytest.fixture
def limiter(make_address_limiter: MakeAddressLimiter) -> AddressLimiter:
    return make_address_limiter()


async def retry_after(limiter: AddressLimiter, address: str = ADDRESS) -> int:
    with pytest.raises(RateLimitExceeded) as refusal:
        await limiter.acquire(address)
    assert refusal.value.retry_after_seconds is not None
    return refusal.value.retry_after_seconds


async def test_calls_over_the_limit_are_refused_for_the_rest_of_the_minute(limiter: AddressLimiter) -> None:
    for _ in range(3):
        await limiter.acquire(ADDRESS)
    assert 1 <= await retry_after(limiter) <= 60
    await limiter.acquire("203.0.113.8")


async def test_refusal_says_how_long_to_wait_and_counts_down(
    limiter: AddressLimiter, monotonic: FakeMonotonic
) -> None:
    for _ in range(3):
        await limiter.acquire(ADDRESS)
    first = await retry_after(limiter)
    monotonic.now += 10
    assert await retry_after(limiter) == first - 10


async def test_failed_authentications_block_the_address(limiter: AddressLimiter) -> None:
    for _ in range(3):
        await limiter.check(ADDRESS)
        await limiter.note_failure(ADDRESS)
    with pytest.raises(RateLimitExceeded) as refusal:
        await limiter.check(ADDRESS)
    assert refusal.value.code == "rate_limit_exceeded"
    assert refusal.value.retry_after_seconds is not None
    assert 1 <= refusal.value.retry_after_seconds <= 60
    await limiter.check("203.0.113.8")


async def test_blocked_address_is_admitted_after_the_minute(
    limiter: AddressLimiter, monotonic: FakeMonotonic
) -> None:
    for _ in range(3):
        await limiter.note_failure(ADDRESS)
    monotonic.now += 60
    await limiter.check(ADDRESS)


async def test_failures_and_calls_are_counted_separately(limiter: AddressLimiter) -> None:
    for _ in range(3):
        await limiter.note_failure(ADDRESS)
    await limiter.acquire(ADDRESS)


async def test_addresses_of_one_ipv6_network_count_as_one(limiter: AddressLimiter) -> None:
    for host in range(3):
        await limiter.note_failure(f"2001:db8:0:1::{host}")
    with pytest.raises(RateLimitExceeded):
        await limiter.check("2001:db8:0:1:ffff::1")
    await limiter.check("2001:db8:0:2::1")


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:DB8:0:0:1::", "2001:db8::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::1", "127.0.0.1"),
        ("::ffff:127.0.0.1", "127.0.0.1"),
        ("", "unknown"),
        ("unknown", "unknown"),
        ("203.0.113.7/24", "unknown"),
        ("203.0.113.7\r\nflushall", "unknown"),
    ],
)
def test_what_is_counted_as_one_client(address: str, key: str) -> None:
    assert address_key(address) == key


@pytest.mark.servers
async def test_two_processes_share_one_count(redis_url: str) -> None:
    redis = patient_redis(redis_url)
    first, second = AddressLimiter(4, redis), AddressLimiter(4, redis)
    for _ in range(2):
        await first.note_failure(ADDRESS)
        await second.note_failure(ADDRESS)
    with pytest.raises(RateLimitExceeded):
        await second.check(ADDRESS)
    for _ in range(2):
        await first.acquire(ADDRESS)
        await second.acquire(ADDRESS)
    await retry_after(first)
    await retry_after(second)
    await first.aclose()
    await second.aclose()
    await redis.aclose()


@pytest.mark.servers
async def test_process_counts_alone_while_redis_is_unavailable(
    redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    pause = FakeSleep()
    redis = patient_redis(redis_server.url, sleep=pause.sleep)
    limiter = AddressLimiter(3, redis)
    redis_server.stop()
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            await limiter.note_failure(ADDRESS)
    with pytest.raises(RateLimitExceeded):
        await limiter.check(ADDRESS)
    assert len(caplog.records) == 1
    assert redis_server.url not in caplog.text
    await asyncio.to_thread(redis_server.start)
    await pause.end()
    await eventually(lambda: not redis.breaker.is_open)
    other = AddressLimiter(3, redis)
    for _ in range(2):
        await limiter.note_failure("203.0.113.8")
    await other.note_failure("203.0.113.8")
    with pytest.raises(RateLimitExceeded):
        await other.check("203.0.113.8")
    await limiter.aclose()
    await other.aclose()
    await redis.aclose()


@dataclass
class SilentRedis:
    """Accepts connections and never responds."""

    port: int = 0
    connections: int = 0
    was_called: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.was_called.set()
        await reader.read()  # until the client gives up
        writer.close()


@pytest.fixture
async def silent_redis(anyio_backend: str) -> AsyncIterator[SilentRedis]:
    silent = SilentRedis()
    server = await asyncio.start_server(silent.serve, "127.0.0.1", 0)
    async with server:
        silent.port = server.sockets[0].getsockname()[1]
        yield silent


@pytest.fixture
async def limiter_without_response(silent_redis: SilentRedis) -> AsyncIterator[AddressLimiter]:
    redis = SharedRedis.open(f"redis://127.0.0.1:{silent_redis.port}")
    limiter = AddressLimiter(3, redis)
    yield limiter
    await limiter.aclose()
    await redis.aclose()


async def test_silent_redis_does_not_block_the_event_loop(
    silent_redis: SilentRedis, limiter_without_response: AddressLimiter
) -> None:
    failure = asyncio.create_task(limiter_without_response.note_failure(ADDRESS))
    await silent_redis.was_called.wait()
    assert not failure.done()
    await failure


async def test_of_many_failures_at_once_only_the_first_waits_for_a_silent_redis(
    silent_redis: SilentRedis, limiter_without_response: AddressLimiter, caplog: pytest.LogCaptureFixture
) -> None:
    limiter = limiter_without_response
    with caplog.at_level(logging.WARNING):
        await asyncio.gather(*(limiter.note_failure(ADDRESS) for _ in range(20)))
    assert silent_redis.connections == 1
    assert len(caplog.records) == 1
    with pytest.raises(RateLimitExceeded):
        await limiter.check(ADDRESS)


async def test_silent_redis_leaves_the_shared_threads_to_others(
    silent_redis: SilentRedis, limiter_without_response: AddressLimiter
) -> None:
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1, "asyncio"))
    failure = asyncio.create_task(limiter_without_response.note_failure(ADDRESS))
    await silent_redis.was_called.wait()
    await asyncio.to_thread(lambda: None)
    assert not failure.done()
    await failure


async def test_window_in_memory_ends_within_a_minute_when_the_clock_is_set_back(
    monotonic: FakeMonotonic,
) -> None:
    back = 0.0
    limiter = AddressLimiter(3, clock=lambda: time.time() - back, monotonic=monotonic)
    for _ in range(3):
        await limiter.acquire(ADDRESS)
    back = 3600.0
    await limiter.acquire(ADDRESS)
    back = 0.0  # the window that was started again is a minute long
    for _ in range(2):
        await limiter.acquire(ADDRESS)
    assert await retry_after(limiter) <= 60
    await limiter.aclose()


@pytest.mark.servers
async def test_window_in_redis_ends_within_a_minute_when_its_clock_is_set_back(
    redis_url: str, monotonic: FakeMonotonic
) -> None:
    redis = patient_redis(redis_url)
    limiter = AddressLimiter(3, redis, monotonic=monotonic)
    for _ in range(3):
        await limiter.acquire(ADDRESS)
    async with Redis.from_url(redis_url) as client:
        for key in await client.keys():
            await client.expire(key, 3660)  # as Redis counts after its clock was set back
    for _ in range(3):
        await limiter.acquire(ADDRESS)
    assert await retry_after(limiter) <= 60
    await limiter.aclose()
    await redis.aclose()


@asynccontextmanager
async def slow_connection(url: str, seconds: float) -> AsyncIterator[str]:
    """A Redis URL whose responses take that much longer."""
    parts = urlsplit(url)
    tasks: set[asyncio.Task[None]] = set()

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay: float) -> None:
        with contextlib.closing(writer):
            while data := await reader.read(65_536):
                if delay:
                    await asyncio.wait(tasks, timeout=delay)
                writer.write(data)

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        to_redis, from_redis = await asyncio.open_connection(parts.hostname, parts.port)
        tasks.add(asyncio.create_task(copy(reader, from_redis, 0)))
        tasks.add(asyncio.create_task(copy(to_redis, writer, seconds)))

    server = await asyncio.start_server(connect, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        yield parts._replace(netloc=parts.netloc.rpartition(":")[0] + f":{port}").geturl()
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks)


@pytest.mark.servers
async def test_burst_of_failures_does_not_make_redis_unavailable_for_everybody(redis_url: str) -> None:
    async with slow_connection(redis_url, 0.02) as url:
        redis = SharedRedis(url, client := Redis.from_url(url), CircuitBreaker(client, timeout_seconds=0.5))
        limiter = AddressLimiter(1000, redis)
        await asyncio.gather(*(limiter.note_failure(f"203.0.113.{number}") for number in range(16)))
        assert not redis.breaker.is_open
        await limiter.aclose()
        await redis.aclose()
