"""What needs several processes and a real Redis: sharing, leases, cancelled requests."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from redis.asyncio import Redis

from app.errors import ConcurrencyLimitExceeded, RateLimitExceeded
from app.limits.redis.limiter import RedisLimiter
from app.limits.redis.slots import LEASE_SECONDS, RENEW_SECONDS
from app.user_limits import UserLimits

from ...fake_sleep import FakeSleep
from ..conftest import FakeClock, patient_redis

pytestmark = [pytest.mark.anyio, pytest.mark.servers]

ADMITTING_PROCESS = Path(__file__).with_name("admitting_process.py")


class GatewayProcess:
    """One process's limiter over the shared Redis."""

    def __init__(self, redis_url: str, clock: FakeClock) -> None:
        self.pause = FakeSleep()
        self.redis = patient_redis(redis_url)
        self.limiter = RedisLimiter(self.redis, clock, sleep=self.pause.sleep)

    async def aclose(self) -> None:
        await self.limiter.aclose()
        await self.redis.aclose()


@pytest.fixture
async def one(redis_url: str, anyio_backend: str, clock: FakeClock) -> AsyncIterator[GatewayProcess]:
    process = GatewayProcess(redis_url, clock)
    yield process
    await process.aclose()


@pytest.fixture
async def other(redis_url: str, anyio_backend: str, clock: FakeClock) -> AsyncIterator[GatewayProcess]:
    process = GatewayProcess(redis_url, clock)
    yield process
    await process.aclose()


def test_of_100_requests_on_two_processes_exactly_10_pass(redis_url: str):
    processes = [
        subprocess.Popen(
            [sys.executable, str(ADMITTING_PROCESS), redis_url, "50"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    outputs = [process.communicate(timeout=30)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert sum(int(output) for output in outputs) == 10


async def test_slots_are_shared(one: GatewayProcess, other: GatewayProcess):
    limits = UserLimits(100, 1)
    admission = await one.limiter.admit("usr_a", limits)
    with pytest.raises(ConcurrencyLimitExceeded):
        await other.limiter.admit("usr_a", limits)
    await admission.release()
    await (await other.limiter.admit("usr_a", limits)).release()


async def test_the_slot_of_a_dead_process_is_free_after_its_lease(
    one: GatewayProcess, other: GatewayProcess, clock: FakeClock
):
    limits = UserLimits(100, 1, daily_tokens=100)
    admission = await one.limiter.admit("usr_a", limits)
    await admission.reserve_tokens(100)
    clock.advance(LEASE_SECONDS - 0.5)
    with pytest.raises(ConcurrencyLimitExceeded):
        await other.limiter.admit("usr_a", limits)
    clock.advance(1)
    taken_over = await other.limiter.admit("usr_a", limits)
    await taken_over.reserve_tokens(100)  # the reservation of the dead process ended with its slot
    await taken_over.release()


async def test_a_slot_in_use_is_renewed(one: GatewayProcess, other: GatewayProcess, clock: FakeClock):
    limits = UserLimits(100, 1)
    admission = await one.limiter.admit("usr_a", limits)
    for _ in range(12):
        clock.advance(RENEW_SECONDS)
        await one.pause.pass_round()
    with pytest.raises(ConcurrencyLimitExceeded):
        await other.limiter.admit("usr_a", limits)
    await admission.release()


async def test_renewing_does_not_bring_back_a_slot_that_is_gone(
    one: GatewayProcess, other: GatewayProcess, clock: FakeClock
):
    limits = UserLimits(100, 1)
    overdue = await one.limiter.admit("usr_a", limits)
    clock.advance(LEASE_SECONDS + 1)  # the process was too busy to renew
    await (await other.limiter.admit("usr_a", limits)).release()
    await one.pause.pass_round()
    await (await other.limiter.admit("usr_a", limits)).release()
    await overdue.release()


async def test_a_request_cancelled_at_any_point_holds_nothing(
    one: GatewayProcess, redis_client: Redis, clock: FakeClock
):
    limits = UserLimits(5, 5)
    for turns in range(40):  # the more turns of the event loop, the later it is cancelled
        task = asyncio.create_task(one.limiter.admit("usr_a", limits))
        for _ in range(turns):
            await asyncio.sleep(0)
        if not task.cancel():
            await (await task).give_back()
            continue
        outcome = (await asyncio.gather(task, return_exceptions=True))[0]
        if isinstance(outcome, asyncio.CancelledError):
            await one.limiter.settled()
        else:
            assert not isinstance(outcome, BaseException)
            await outcome.give_back()
    admission = await one.limiter.admit("usr_a", limits)
    assert admission.headers["RateLimit"] == '"requests";r=4;t=60'
    await admission.release()
    assert await redis_client.zcard("gateway:limits:{usr_a}:slots") == 0


async def test_releasing_goes_on_when_the_request_is_cancelled(one: GatewayProcess, redis_client: Redis):
    admission = await one.limiter.admit("usr_a", UserLimits(5, 1))
    task = asyncio.create_task(admission.release())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await one.limiter.settled()
    assert await redis_client.zcard("gateway:limits:{usr_a}:slots") == 0


async def test_every_key_in_redis_expires(one: GatewayProcess, redis_client: Redis):
    admission = await one.limiter.admit("usr_a", UserLimits(5, 1, daily_tokens=100))
    await admission.reserve_tokens(10)
    keys = [key async for key in redis_client.scan_iter()]
    assert len(keys) == 4
    for key in keys:
        assert 0 < await redis_client.ttl(key) <= 2 * 86_400
    await admission.release(tokens_used=5)


async def test_lost_usage_counters_are_read_from_the_usage_table_again(
    redis_url: str, redis_client: Redis, clock: FakeClock
):
    async def tokens_used_today(user_id: str) -> int:
        return 95

    redis = patient_redis(redis_url)
    limiter = RedisLimiter(redis, clock, tokens_used_today)
    limits = UserLimits(100, 2, daily_tokens=100)
    admission = await limiter.admit("usr_a", limits)
    await redis_client.flushall()
    await admission.release(tokens_used=3)  # must not start a counter at 3
    admission = await limiter.admit("usr_a", limits)
    await admission.reserve_tokens(5)
    await admission.release()
    assert await redis_client.get(admission.slot.keys[2]) == b"95"
    await limiter.aclose()
    await redis.aclose()


async def test_dead_process_does_not_keep_its_slot_for_as_long_as_the_clock_was_set_back(
    one: GatewayProcess, other: GatewayProcess, clock: FakeClock
):
    limits = UserLimits(100, 1)
    await one.limiter.admit("usr_a", limits)  # and the process dies
    clock.advance(-3600)
    await (await other.limiter.admit("usr_a", limits)).release()


async def test_clocks_of_two_gateways_may_be_some_seconds_apart(
    one: GatewayProcess, redis_url: str, clock: FakeClock
):
    limits = UserLimits(2, 2)
    behind = FakeClock()
    behind.advance(-LEASE_SECONDS + 1)
    late = GatewayProcess(redis_url, behind)
    admissions = [await one.limiter.admit("usr_a", limits) for _ in range(2)]
    with pytest.raises(ConcurrencyLimitExceeded):
        await late.limiter.admit("usr_a", limits)
    for admission in admissions:
        await admission.release()
    with pytest.raises(RateLimitExceeded):
        await late.limiter.admit("usr_a", limits)
    await late.aclose()
