"""Commands of concurrent requests in one round trip: what comes while another one runs goes out together.

They run in the order in which they came, also those whose callers do not wait any more.
"""

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Any, Final

from redis.exceptions import NoScriptError

from app.redis.circuit_breaker import RedisUnavailable
from app.redis.shared_redis import SharedRedis

MAX_COMMANDS: Final = 64  # of one round trip

Command = tuple[str | float, ...]
Waiting = tuple[Command, asyncio.Future[Any]]  # Any: what the command returns


class JoinedCommands:
    """Made and closed by `RedisLimiter`; used in one event loop. `redis` stays open."""

    def __init__(self, redis: SharedRedis) -> None:
        self._redis = redis
        self._waiting: list[Waiting] = []
        self._sending: asyncio.Task[None] | None = None

    async def run(self, *command: str | float) -> Any:
        """Raises `RedisUnavailable`, and redis-py's `NoScriptError`."""
        result: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append((command, result))
        if self._sending is None:
            self._sending = asyncio.create_task(self._send_all(), name="redis-commands")
        return await result

    async def aclose(self) -> None:
        """Waits for commands whose callers have left."""
        if self._sending is not None:
            await asyncio.wait([self._sending])

    async def _send_all(self) -> None:
        try:
            while self._waiting:
                sent, self._waiting = self._waiting[:MAX_COMMANDS], self._waiting[MAX_COMMANDS:]
                await self._send(sent)
        finally:
            self._sending = None

    async def _send(self, sent: Sequence[Waiting]) -> None:
        results: Sequence[Any] = ()
        try:
            results = await self._redis.breaker.call(partial(self._execute, sent))
        except RedisUnavailable:
            pass  # which each caller is told
        finally:
            for number, (_, future) in enumerate(sent):
                result = results[number] if results else RedisUnavailable()
                if future.done():
                    continue  # its caller was cancelled
                if isinstance(result, Exception):
                    future.set_exception(result)
                else:
                    future.set_result(result)

    async def _execute(self, sent: Sequence[Waiting]) -> list[Any]:
        """Raises `RedisError`."""
        pipeline = self._redis.client.pipeline(transaction=False)
        for command, _ in sent:
            pipeline.execute_command(*command)
        results: list[Any] = await pipeline.execute(raise_on_error=False)
        for result in results:
            if isinstance(result, Exception) and not isinstance(result, NoScriptError):
                raise result
        return results
