"""The moving windows of all users, in the Redis that several gateways share. `RedisSlots` enters them."""

from app.limits.redis.joined_commands import JoinedCommands
from app.limits.redis.keys import user_key
from app.limits.redis.lua_script import LuaScript
from app.limits.request_window import WINDOW_SECONDS, WindowState


class RedisWindow:
    """Created by `RedisLimiter`. Times are Unix seconds. Every method may raise `RedisUnavailable`.

    A window belongs to a limit and a user, or a token with a rate of its own. It starts empty when the limit
    changes.
    """

    def __init__(self, commands: JoinedCommands) -> None:
        self._commands = commands
        self._read = LuaScript(commands, "read_window", "window")

    async def give_back(self, user_id: str, limit: int, entered_at: float) -> None:
        """Removes one request made at `entered_at`; does nothing when it has expired."""
        await self._commands.run("LREM", window_key(user_id, limit), 1, repr(entered_at))

    async def state(self, user_id: str, limit: int, now: float) -> WindowState:
        count, oldest = await self._read.run(
            window_key(user_id, limit), now=repr(now), limit=limit, seconds=WINDOW_SECONDS
        )
        return state_of(now, limit, count, oldest)


def window_key(user_id: str, limit: int) -> str:
    return user_key(user_id, f"requests:{limit}")


def state_of(now: float, limit: int, count: int, oldest: bytes | None) -> WindowState:
    """Of what a script returns. `now` and `oldest` are Unix seconds."""
    return WindowState.at(now, limit, count, now if oldest is None else float(oldest))
