"""Lua scripts that Redis runs: the `.lua` files beside this module, which name their arguments at the top."""

import hashlib
import re
from importlib.resources import files
from typing import Any, Final

from redis.exceptions import NoScriptError

from app.limits.redis.joined_commands import JoinedCommands

_ARGUMENT: Final = re.compile(r"^local (\w+) = ARGV\[(\d+)\]", re.MULTILINE)


class LuaScript:
    """Read once, when the Redis client is opened. Used from the client's event loop.

    `functions` are files in the folder of that name, whose functions the script calls. Redis knows it by its
    `hash`.
    """

    def __init__(self, commands: JoinedCommands, name: str, *functions: str) -> None:
        folder = files(__package__)
        parts = [folder / "functions" / f"{each}.lua" for each in functions]
        self._text = "\n".join(part.read_text("utf-8") for part in (*parts, folder / f"{name}.lua"))
        self.hash = hashlib.sha1(self._text.encode(), usedforsecurity=False).hexdigest()
        self._names = argument_names(self._text)
        self._commands = commands

    async def run(self, *keys: str, **arguments: str | float) -> Any:  # Any: each script says what it returns
        """Runs the script with `arguments` by the names that it gives them. Raises `RedisUnavailable`."""
        assert len(arguments) == len(self._names), f"the script's arguments are {self._names}"
        values = [arguments[name] for name in self._names]
        try:
            return await self._commands.run("EVALSHA", self.hash, len(keys), *keys, *values)
        except NoScriptError:  # Redis has it from now on
            return await self._commands.run("EVAL", self._text, len(keys), *keys, *values)


def argument_names(text: str) -> tuple[str, ...]:
    """The names that a script gives ARGV[1], ARGV[2], …; each is bound once, in order."""
    bound = _ARGUMENT.findall(text)
    numbers = [int(number) for _, number in bound]
    assert numbers == list(range(1, text.count("ARGV[") + 1)), "each ARGV is bound to one name, in order"
    return tuple(name for name, _ in bound)
