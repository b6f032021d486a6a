"""The limits of users of one process, in its memory."""

import time
from collections.abc import Callable

from app.errors import ConcurrencyLimitExceeded, RateLimitExceeded
from app.limits.daily_tokens import (
    TokenAccount,
    TokenAccounts,
    TokensUsedToday,
    no_tokens_used,
    quota_refusal,
)
from app.limits.memory.window import MemoryWindowStorage
from app.limits.policy import LimitPolicy
from app.limits.request_window import RequestWindow

SLOT_RETRY_SECONDS = 1  # nobody knows when a running request ends; asking again is cheap


class MemoryLimiter:
    """Used from one event loop. Between the last check and the last thing taken nothing suspends."""

    is_degraded = False

    def __init__(
        self,
        clock: Callable[[], float] = time.time,
        tokens_used_today: TokensUsedToday = no_tokens_used,
    ) -> None:
        self.clock = clock
        self.window = RequestWindow(MemoryWindowStorage(clock))
        self._running: dict[str, int] = {}
        self._accounts = TokenAccounts(clock, tokens_used_today)

    @property
    def running(self) -> int:
        return sum(self._running.values())

    async def admit(self, user_id: str, policy: LimitPolicy) -> "MemoryAdmission":
        account = None
        if policy.daily_tokens is not None:
            account = await self._accounts.account_of(user_id)
        now = self.clock()
        limit = policy.requests_per_minute
        if self._running.get(user_id, 0) >= policy.concurrent_requests:
            state = await self.window.state(user_id, limit, now)
            raise ConcurrencyLimitExceeded(retry_after_seconds=SLOT_RETRY_SECONDS, headers=state.headers)
        if account is not None and account.used + account.reserved >= (policy.daily_tokens or 0):
            state = await self.window.state(user_id, limit, now)
            raise quota_refusal(now, state.headers)
        has_entered = await self.window.enter(user_id, limit, now)
        state = await self.window.state(user_id, limit, now)
        if not has_entered:
            raise RateLimitExceeded(retry_after_seconds=state.reset_seconds, headers=state.headers)
        self._running[user_id] = self._running.get(user_id, 0) + 1
        return MemoryAdmission(self, user_id, policy, account, now, state.headers)

    async def aclose(self) -> None:
        """Holds nothing outside memory."""

    def free_slot(self, user_id: str) -> None:
        running = self._running[user_id] - 1
        if running:
            self._running[user_id] = running
        else:
            del self._running[user_id]


class MemoryAdmission:
    """Made by `MemoryLimiter.admit`; released by whoever admitted."""

    __slots__ = (
        "_account", "_entered_at", "_is_released", "_limiter", "_policy", "_reserved", "_user_id",
        "headers",
    )  # fmt: skip

    def __init__(
        self,
        limiter: MemoryLimiter,
        user_id: str,
        policy: LimitPolicy,
        account: TokenAccount | None,
        entered_at: float,
        headers: dict[str, str],
    ) -> None:
        self.headers = headers
        self._limiter = limiter
        self._user_id = user_id
        self._policy = policy
        self._account = account
        self._entered_at = entered_at
        self._reserved = 0
        self._is_released = False

    async def reserve_tokens(self, tokens: int) -> None:
        account, quota = self._account, self._policy.daily_tokens
        if account is None or quota is None:
            return
        left = quota - account.used - (account.reserved - self._reserved)
        if tokens > left:
            await self.give_back()
            now = self._limiter.clock()
            state = await self._limiter.window.state(self._user_id, self._policy.requests_per_minute, now)
            raise quota_refusal(now, state.headers)
        account.reserved += tokens - self._reserved
        self._reserved = tokens

    async def release(self, tokens_used: int = 0) -> None:
        if self._is_released:
            return
        self._is_released = True
        self._limiter.free_slot(self._user_id)
        if self._account is not None:
            self._account.reserved -= self._reserved
            self._account.used += tokens_used

    async def give_back(self) -> None:
        if self._is_released:
            return
        await self.release()
        await self._limiter.window.give_back(
            self._user_id, self._policy.requests_per_minute, self._entered_at
        )
