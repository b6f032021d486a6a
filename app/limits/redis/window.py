"""The moving windows of all users, in the Redis that several gateways share."""

from redis.asyncio import Redis

from app.limits.redis.keys import user_key
from app.limits.redis.lua_script import LuaScript
from app.limits.request_window import WINDOW_SECONDS, WindowState


class RedisWindow:
    """Created by `RedisLimiter`. Times are Unix seconds. Every method may raise `RedisError`.

    A window belongs to a limit and a user, or a token with a rate of its own. It starts empty when the limit
    changes.
    """

    def __init__(self, client: Redis) -> None:
        self._client = client
        self._script = LuaScript(client, "request_window")

    async def enter(self, user_id: str, limit: int, now: float) -> tuple[bool, WindowState]:
        """Whether there was room for a request, which is then spent, and the state after it."""
        return await self._run(user_id, limit, now, is_entering=True)

    async def give_back(self, user_id: str, limit: int, entered_at: float) -> None:
        """Removes one request made at `entered_at`; does nothing when it has expired."""
        await self._client.lrem(_key(user_id, limit), 1, repr(entered_at))

    async def state(self, user_id: str, limit: int, now: float) -> WindowState:
        return (await self._run(user_id, limit, now, is_entering=False))[1]

    async def _run(
        self, user_id: str, limit: int, now: float, *, is_entering: bool
    ) -> tuple[bool, WindowState]:
        has_entered, count, oldest = await self._script.run(
            _key(user_id, limit),
            now=repr(now),
            limit=limit,
            seconds=WINDOW_SECONDS,
            is_entering=int(is_entering),
        )
        oldest_time = now if oldest is None else float(oldest)
        return bool(has_entered), WindowState.at(now, limit, count, oldest_time)


def _key(user_id: str, limit: int) -> str:
    return user_key(user_id, f"requests:{limit}")
