"""The limits of users of one process, in its memory."""

import asyncio
import time
from collections.abc import Callable

from app.errors import ConcurrencyLimitExceeded, RateLimitExceeded
from app.limits.daily_tokens import (
    StoreUsage,
    TokenAccount,
    TokenAccounts,
    TokensUsedToday,
    check_fits_quota,
    no_tokens_used,
    no_usage_to_store,
    quota_refusal,
)
from app.limits.limiter import FIRST_SLOT_SECONDS
from app.limits.memory.window import MemoryWindow
from app.limits.recount import Recount
from app.redis.circuit_breaker import Sleep
from app.user_limits import UserLimits
from app.work_pace import WorkPace


class MemoryLimiter:
    """Used from one event loop. Nothing suspends between the last check and the last thing taken."""

    is_degraded = False

    def __init__(
        self,
        clock: Callable[[], float] = time.time,
        tokens_used_today: TokensUsedToday = no_tokens_used,
        store_usage: StoreUsage = no_usage_to_store,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self.clock = clock
        self.window = MemoryWindow()
        self._running: dict[str, int] = {}
        self._accounts = TokenAccounts(clock, tokens_used_today, self._note_unknown)
        self._recount = Recount(self._correct, tokens_used_today, store_usage, clock, sleep)
        self._pace = WorkPace(FIRST_SLOT_SECONDS)

    @property
    def running(self) -> int:
        return sum(self._running.values())

    async def admit(self, user_id: str, limits: UserLimits) -> "MemoryAdmission":
        account = None
        if limits.daily_tokens is not None:
            account = await self._accounts.account_of(user_id)
        now = self.clock()
        limit, window = limits.requests_per_minute, limits.window_of(user_id)
        if self._running.get(user_id, 0) >= limits.concurrent_requests:
            state = self.window.state(window, limit, now)
            seconds = self._pace.retry_after_seconds(1 / limits.concurrent_requests)
            raise ConcurrencyLimitExceeded(retry_after_seconds=seconds, headers=state.headers)
        if account is not None and account.used + account.reserved >= (limits.daily_tokens or 0):
            state = self.window.state(window, limit, now)
            raise quota_refusal(now, state.headers)
        has_entered, state = self.window.enter(window, limit, now)
        if not has_entered:
            raise RateLimitExceeded(retry_after_seconds=state.reset_seconds, headers=state.headers)
        self._running[user_id] = self._running.get(user_id, 0) + 1
        return MemoryAdmission(self, user_id, limits, account, now, state.headers)

    async def aclose(self) -> None:
        await self._recount.aclose()

    def forget_tokens_used(self) -> None:
        """Something else has counted them: the next request of each user reads the usage table."""
        self._accounts.forget()

    def free_slot(self, user_id: str, entered_at: float) -> None:
        self._pace.add(self.clock() - entered_at)
        running = self._running[user_id] - 1
        if running:
            self._running[user_id] = running
        else:
            del self._running[user_id]

    def _note_unknown(self, user_id: str) -> None:
        self._recount.note([user_id])

    async def _correct(self, user_id: str, day: int, used: int) -> None:
        self._accounts.correct(user_id, day, used)


class MemoryAdmission:
    """Made by `MemoryLimiter.admit`; released by its caller."""

    __slots__ = (
        "_account", "_entered_at", "_is_released", "_limiter", "_limits", "_reserved", "_user_id",
        "headers",
    )  # fmt: skip

    def __init__(
        self,
        limiter: MemoryLimiter,
        user_id: str,
        limits: UserLimits,
        account: TokenAccount | None,
        entered_at: float,
        headers: dict[str, str],
    ) -> None:
        self.headers = headers
        self._limiter = limiter
        self._user_id = user_id
        self._limits = limits
        self._account = account
        self._entered_at = entered_at
        self._reserved = 0
        self._is_released = False

    async def reserve_tokens(self, tokens: int) -> int | None:
        account, quota = self._account, self._limits.daily_tokens
        if account is None or quota is None:
            return None
        check_fits_quota(tokens, quota)
        left = quota - account.used - (account.reserved - self._reserved)
        if tokens > left:
            await self.give_back()
            now = self._limiter.clock()
            window = self._limits.window_of(self._user_id)
            state = self._limiter.window.state(window, self._limits.requests_per_minute, now)
            raise quota_refusal(now, state.headers)
        account.reserved += tokens - self._reserved
        self._reserved = tokens
        return left

    async def release(self, tokens_used: int = 0) -> None:
        if self._is_released:
            return
        self._is_released = True
        self._limiter.free_slot(self._user_id, self._entered_at)
        if self._account is not None:
            self._account.reserved -= self._reserved
            self._account.used += tokens_used

    async def give_back(self, tokens_used: int = 0) -> None:
        if self._is_released:
            return
        await self.release(tokens_used)
        window = self._limits.window_of(self._user_id)
        self._limiter.window.give_back(window, self._limits.requests_per_minute, self._entered_at)
