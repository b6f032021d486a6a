"""Corrects counts of today's tokens that lack something, after Redis or the database was unavailable.

The usage table says what they must be at least. Counts only rise: it may lack what has ended this moment.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from app.errors import DatabaseUnavailable
from app.limits.daily_tokens import StoreUsage, TokensUsedToday, day_of
from app.redis.circuit_breaker import RedisUnavailable, Sleep

PAUSE_SECONDS: Final = 1.0  # before each attempt; also for the usage of a request that has just ended

Correct = Callable[[str, int, int], Awaitable[None]]
"""Raises the count of a user on a day to that many tokens; may raise `RedisUnavailable`."""

logger = logging.getLogger(__name__)


class Recount:
    """Made and closed by a limiter. Its task runs while there is a user to count."""

    def __init__(
        self,
        correct: Correct,
        tokens_used_today: TokensUsedToday,
        store_usage: StoreUsage,
        clock: Callable[[], float] = time.time,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._correct = correct
        self._tokens_used_today = tokens_used_today
        self._store_usage = store_usage
        self._clock = clock
        self._sleep = sleep
        self._users: set[str] = set()
        self._task: asyncio.Task[None] | None = None

    def note(self, user_ids: Iterable[str]) -> None:
        """Their counts may lack something."""
        self._users.update(user_ids)
        if self._users and self._task is None:
            self._task = asyncio.create_task(self._run(), name="recount-tokens")

    async def aclose(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        try:
            while self._users:
                await self._sleep(PAUSE_SECONDS)
                await self._try()
        finally:
            self._task = None

    async def _try(self) -> None:
        users, self._users = self._users, set()
        try:
            await self._store_usage()
            while users:
                user_id = next(iter(users))
                day = day_of(self._clock())
                tokens = await self._tokens_used_today(user_id)
                if day_of(self._clock()) == day:
                    await self._correct(user_id, day, tokens)
                    users.discard(user_id)
        except (DatabaseUnavailable, RedisUnavailable):  # each is logged where it is noticed
            pass
        except Exception:
            logger.exception("counting the tokens of today again has failed; it is tried again")
        self._users |= users
