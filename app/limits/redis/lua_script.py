"""Lua scripts that Redis runs: the `.lua` files beside this module, which name their arguments at the top."""

import re
from importlib.resources import files
from typing import Any, Final

from redis.asyncio import Redis

_ARGUMENT: Final = re.compile(r"^local (\w+) = ARGV\[(\d+)\]", re.MULTILINE)


class LuaScript:
    """Read once, when the Redis client is opened. Used from the client's event loop."""

    def __init__(self, client: Redis, name: str) -> None:
        text = (files(__package__) / f"{name}.lua").read_text("utf-8")
        self._names = argument_names(text)
        self._run = client.register_script(text)

    async def run(self, *keys: str, **arguments: str | float) -> Any:  # Any: each script says what it returns
        """Runs the script with `arguments` by the names that it gives them. Raises `RedisError`."""
        assert arguments.keys() == set(self._names), f"the script's arguments are {self._names}"
        return await self._run(keys, [arguments[name] for name in self._names])


def argument_names(text: str) -> tuple[str, ...]:
    """The names that a script gives ARGV[1], ARGV[2], …; each is bound once, in order."""
    bound = _ARGUMENT.findall(text)
    numbers = [int(number) for _, number in bound]
    assert numbers == list(range(1, text.count("ARGV[") + 1)), "each ARGV is bound to one name, in order"
    return tuple(name for name, _ in bound)
