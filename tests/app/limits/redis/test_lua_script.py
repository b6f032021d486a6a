from pathlib import Path

import pytest
from redis.asyncio import Redis

import app.limits.redis
from app.limits.redis.joined_commands import JoinedCommands
from app.limits.redis.lua_script import LuaScript, argument_names
from app.redis.circuit_breaker import RedisUnavailable

SCRIPTS = sorted(Path(app.limits.redis.__path__[0]).glob("*.lua"))


@pytest.mark.parametrize("script", SCRIPTS, ids=[script.stem for script in SCRIPTS])
def test_scripts_say_what_they_do_and_name_what_they_take(script: Path):
    text = script.read_text()
    assert text.startswith("-- ")
    assert argument_names(text)
    after_the_names = text.split("\n\n", 3)[3]
    assert "KEYS[" not in after_the_names
    assert "ARGV[" not in after_the_names


def test_names_are_those_of_the_script_in_its_order():
    text = "-- Adds.\n\nlocal total = KEYS[1]\n\nlocal amount = ARGV[1]  -- of what\nlocal ttl = ARGV[2]\n"
    assert argument_names(text) == ("amount", "ttl")


@pytest.mark.parametrize(
    "text",
    [
        "local amount = ARGV[2]\n",
        "local ttl = ARGV[2]\nlocal amount = ARGV[1]\n",
        "local amount = tonumber(ARGV[1])\n",
        "local amount = ARGV[1]\nreturn ARGV[2]\n",
    ],
)
def test_an_argument_without_a_name_in_its_place_is_refused(text: str):
    with pytest.raises(AssertionError):
        argument_names(text)


@pytest.mark.anyio
@pytest.mark.servers
async def test_arguments_are_passed_by_name(commands: JoinedCommands, redis_client: Redis):
    window = LuaScript(commands, "read_window", "window")
    await redis_client.lpush("key", "1000.5")
    arguments = {"seconds": 60, "limit": 5, "now": 1000.5}
    assert await window.run("key", **arguments) == [1, b"1000.5"]
    for wrong in ({**arguments, "more": 1}, {"now": 1000.5}):
        with pytest.raises(AssertionError):
            await window.run("key", **wrong)


@pytest.mark.anyio
@pytest.mark.servers
async def test_script_that_redis_has_forgotten_is_loaded_again(commands: JoinedCommands, redis_client: Redis):
    window = LuaScript(commands, "read_window", "window")
    for _ in range(2):
        await redis_client.script_flush()
        assert await window.run("key", seconds=60, limit=5, now=1000.5) == [0, None]
        assert await redis_client.script_exists(window.hash) == [True]
    await redis_client.set("key", "no list")
    with pytest.raises(RedisUnavailable):
        await window.run("key", seconds=60, limit=5, now=1000.5)
