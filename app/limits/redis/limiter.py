"""The limits of users of several gateways, in the Redis that they share."""

import asyncio
import time
from collections.abc import Callable, Coroutine

from app.errors import ConcurrencyLimitExceeded, LimitExceeded, RateLimitExceeded
from app.limits.daily_tokens import (
    StoreUsage,
    TokensUsedToday,
    check_fits_quota,
    day_of,
    no_tokens_used,
    no_usage_to_store,
    quota_refusal,
)
from app.limits.limiter import FIRST_SLOT_SECONDS
from app.limits.redis.joined_commands import JoinedCommands
from app.limits.redis.slots import RedisSlots, Slot, Taking
from app.limits.redis.window import RedisWindow
from app.limits.request_window import WindowState
from app.redis.circuit_breaker import RedisUnavailable, Sleep
from app.redis.shared_redis import SharedRedis
from app.user_limits import UserLimits
from app.work_pace import WorkPace


class RedisLimiter:
    """`admit` and `reserve_tokens` may raise `RedisUnavailable`. One per event loop; `redis` stays open."""

    def __init__(
        self,
        redis: SharedRedis,
        clock: Callable[[], float] = time.time,
        tokens_used_today: TokensUsedToday = no_tokens_used,
        store_usage: StoreUsage = no_usage_to_store,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._clock = clock
        self._commands = JoinedCommands(redis)
        self._slots = RedisSlots(redis, self._commands, tokens_used_today, store_usage, clock, sleep)
        self._window = RedisWindow(self._commands)
        self._pace = WorkPace(FIRST_SLOT_SECONDS)
        self._giving_back: set[asyncio.Task[None]] = set()

    async def admit(self, user_id: str, limits: UserLimits) -> "RedisAdmission":
        now = self._clock()
        admission = RedisAdmission(self, Slot(user_id, limits, day_of(now)), entered_at=now)
        try:
            taking, state = await self._slots.admit(admission.slot, now)
        except BaseException:  # cancelled, or Redis failed: what may have been taken goes back
            await admission.give_back()
            raise
        admission.headers = state.headers
        if taking is not Taking.TAKEN:
            raise self._refusal(taking, admission.slot, state)
        return admission

    async def settled(self) -> None:
        """Waits until what cancelled requests held is given back."""
        if self._giving_back:
            await asyncio.wait(self._giving_back)

    async def aclose(self) -> None:
        await self.settled()
        await self._slots.aclose()
        await self._commands.aclose()

    async def reserve(self, admission: "RedisAdmission", tokens: int) -> int:
        """Returns the tokens that `RedisSlots.reserve` does. Raises the refusal after everything was given
        back."""
        slot = admission.slot
        taking, left = await self._slots.reserve(slot, tokens)
        if taking is Taking.TAKEN:
            return left
        await admission.give_back()
        limit = slot.limits.requests_per_minute
        raise self._refusal(taking, slot, await self._window.state(slot.window, limit, self._clock()))

    async def release(self, admission: "RedisAdmission", tokens_used: int) -> None:
        self._pace.add(self._clock() - admission.entered_at)
        await self._finish(self._slots.release(admission.slot, tokens_used))

    def note_uncounted(self, user_id: str) -> None:
        """The user has used tokens that are not counted in Redis."""
        self._slots.note_uncounted(user_id)

    async def undo(self, admission: "RedisAdmission", tokens_used: int) -> None:
        await self._finish(self._undo(admission, tokens_used))

    async def _undo(self, admission: "RedisAdmission", tokens_used: int) -> None:
        slot = admission.slot
        await self._slots.release(slot, tokens_used)
        await self._window.give_back(slot.window, slot.limits.requests_per_minute, admission.entered_at)

    def _refusal(self, taking: Taking, slot: Slot, state: WindowState) -> LimitExceeded:
        if taking is Taking.WINDOW_FULL:
            return RateLimitExceeded(retry_after_seconds=state.reset_seconds, headers=state.headers)
        if taking is Taking.NO_TOKENS:
            return quota_refusal(self._clock(), state.headers)
        seconds = self._pace.retry_after_seconds(1 / slot.limits.concurrent_requests)
        return ConcurrencyLimitExceeded(retry_after_seconds=seconds, headers=state.headers)

    async def _finish(self, giving_back: Coroutine[None, None, None]) -> None:
        """Runs to its end even when the request that waits for it is cancelled."""

        async def run() -> None:
            try:
                await giving_back
            except RedisUnavailable:
                return  # the lease ends by itself

        task = asyncio.create_task(run())
        self._giving_back.add(task)
        task.add_done_callback(self._giving_back.discard)
        await asyncio.shield(task)


class RedisAdmission:
    """Made by `RedisLimiter.admit`; released by its caller."""

    def __init__(self, limiter: RedisLimiter, slot: Slot, entered_at: float) -> None:
        self.headers: dict[str, str] = {}
        self.slot = slot
        self.entered_at = entered_at  # Unix seconds
        self._limiter = limiter
        self._is_released = False

    async def reserve_tokens(self, tokens: int) -> int | None:
        quota = self.slot.limits.daily_tokens
        if quota is None:
            return None
        check_fits_quota(tokens, quota)
        return await self._limiter.reserve(self, tokens)

    async def release(self, tokens_used: int = 0) -> None:
        if not self._is_released:
            self._is_released = True
            await self._limiter.release(self, tokens_used)

    async def give_back(self, tokens_used: int = 0) -> None:
        if not self._is_released:
            self._is_released = True
            await self._limiter.undo(self, tokens_used)
