"""Tokens that a user may use in one UTC day: what is used, and what running requests have reserved."""

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from app.errors import DailyTokensExceeded, DatabaseUnavailable, TokensAboveQuota
from app.sentence import Sentence

SECONDS_A_DAY: Final = 86_400
READ_SECONDS: Final = 1.0  # of the usage table, for a request that waits; a silent database takes several

TokensUsedToday = Callable[[str], Awaitable[int]]
"""How many tokens the user has used since 00:00 UTC; may raise DatabaseUnavailable."""

StoreUsage = Callable[[], Awaitable[None]]
"""Puts the usage of all requests that have ended here into the usage table; may raise DatabaseUnavailable."""

logger = logging.getLogger(__name__)


def day_of(now: float) -> int:
    """Days since 1970-01-01 UTC, of Unix seconds."""
    return int(now // SECONDS_A_DAY)


def seconds_to_next_day(now: float) -> int:
    return math.ceil(SECONDS_A_DAY - now % SECONDS_A_DAY)


def quota_refusal(now: float, headers: dict[str, str]) -> DailyTokensExceeded:
    return DailyTokensExceeded(retry_after_seconds=seconds_to_next_day(now), headers=headers)


async def no_tokens_used(user_id: str) -> int:
    return 0


async def no_usage_to_store() -> None:
    return None


def check_fits_quota(tokens: int, quota: int) -> None:
    """Raises `TokensAboveQuota`."""
    if tokens > quota:
        raise TokensAboveQuota(
            Sentence(
                "The request may use up to {tokens} tokens, more than the daily token quota of {quota}. "
                "Lower max_tokens, or send a shorter recording.",
                tokens=tokens,
                quota=quota,
            )
        )


async def read_tokens_used(tokens_used_today: TokensUsedToday, user_id: str) -> int | None:
    """None while the database is unavailable: valid tokens keep working, and the quota starts from zero until
    the tokens can be counted again.
    """
    try:
        async with asyncio.timeout(READ_SECONDS):
            return await tokens_used_today(user_id)
    except (DatabaseUnavailable, TimeoutError):
        logger.warning("a daily token quota starts from zero: the database is unavailable")
        return None


@dataclass(slots=True)
class TokenAccount:
    """One user's day. A request keeps the account of the day on which it was admitted."""

    used: int
    reserved: int = 0


class TokenAccounts:
    """This process's accounts of today. Used from one event loop.

    `note_unknown` is told of a user whose account starts from zero, as the usage table cannot be read.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        tokens_used_today: TokensUsedToday,
        note_unknown: Callable[[str], None],
    ) -> None:
        self._clock = clock
        self._tokens_used_today = tokens_used_today
        self._note_unknown = note_unknown
        self._day = day_of(clock())
        self._accounts: dict[str, TokenAccount] = {}

    async def account_of(self, user_id: str) -> TokenAccount:
        """Reads the usage table for the first request of the user on this day."""
        today = day_of(self._clock())
        if today != self._day:
            self._day = today
            self._accounts.clear()
        account = self._accounts.get(user_id)
        if account is None:
            used = await read_tokens_used(self._tokens_used_today, user_id)
            if used is None:
                self._note_unknown(user_id)
            account = self._accounts.setdefault(user_id, TokenAccount(used or 0))
        return account

    def correct(self, user_id: str, day: int, used: int) -> None:
        """According to the usage table, `used` tokens were used on that day."""
        account = self._accounts.get(user_id)
        if account is not None and day == self._day:
            account.used = max(account.used, used)

    def forget(self) -> None:
        """They are counted elsewhere from now on. The next request of each user reads the usage table."""
        self._accounts.clear()
