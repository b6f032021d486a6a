"""Commands of concurrent callers, against a real Redis."""

import asyncio

import pytest
from redis.asyncio import Redis
from redis.exceptions import NoScriptError

from app.limits.redis.joined_commands import MAX_COMMANDS, JoinedCommands
from app.redis.circuit_breaker import RedisUnavailable
from app.redis.shared_redis import SharedRedis

pytestmark = [pytest.mark.anyio, pytest.mark.servers]


async def round_trips(client: Redis) -> int:
    """Pings count as one, too."""
    stats: dict[str, int] = await client.info("stats")
    return stats["total_reads_processed"]


async def test_results_are_those_of_each_caller_in_the_order_of_their_calls(
    commands: JoinedCommands, redis_client: Redis
):
    count = 3 * MAX_COMMANDS + 1
    before = await round_trips(redis_client)
    results = await asyncio.gather(*(commands.run("RPUSH", "list", number) for number in range(count)))
    assert results == list(range(1, count + 1))
    assert await redis_client.lrange("list", 0, -1) == [b"%d" % number for number in range(count)]
    assert await round_trips(redis_client) - before < 20


async def test_command_of_a_cancelled_caller_runs_before_later_ones(
    commands: JoinedCommands, redis_client: Redis
):
    for turns in range(10):
        task = asyncio.create_task(commands.run("SET", "key", turns))
        await asyncio.sleep(0)
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        assert await commands.run("GET", "key") == b"%d" % turns
        await asyncio.gather(task, return_exceptions=True)


async def test_unknown_script_is_the_error_of_its_caller_alone(commands: JoinedCommands, redis: SharedRedis):
    unknown, known = await asyncio.gather(
        commands.run("EVALSHA", "0" * 40, 0), commands.run("ECHO", "text"), return_exceptions=True
    )
    assert isinstance(unknown, NoScriptError)
    assert known == b"text"
    assert not redis.breaker.is_open


async def test_any_other_error_is_that_of_all(commands: JoinedCommands, redis: SharedRedis):
    results = await asyncio.gather(
        commands.run("LPUSH", "key", 1), commands.run("INCR", "key"), return_exceptions=True
    )
    assert [type(result) for result in results] == [RedisUnavailable] * 2
    assert redis.breaker.is_open
    with pytest.raises(RedisUnavailable):
        await commands.run("GET", "key")
