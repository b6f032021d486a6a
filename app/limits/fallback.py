"""The limiter over Redis while Redis is available; this process's own, or a refusal, while it is not."""

import contextlib

from app.errors import LimiterUnavailable
from app.limits.memory.limiter import MemoryAdmission, MemoryLimiter
from app.limits.redis.limiter import RedisAdmission, RedisLimiter
from app.redis.circuit_breaker import PROBE_SECONDS, CircuitBreaker, RedisUnavailable
from app.user_limits import UserLimits


class FallbackLimiter:
    """Created by `build_limiter`. `local=None` refuses every request while Redis is unavailable.

    Otherwise each process then counts for itself: requests from nothing, tokens of the day from the usage
    table. Limits hold per process until Redis is back, which then gets the tokens that were used meanwhile.
    """

    def __init__(self, shared: RedisLimiter, local: MemoryLimiter | None, breaker: CircuitBreaker) -> None:
        """`breaker` is the one that `shared` uses; it stays open when the limiter is closed."""
        self._shared = shared
        self._local = local
        self._breaker = breaker
        self._is_shared = True  # as far as the last request was

    @property
    def is_degraded(self) -> bool:
        return self._breaker.is_open

    async def admit(self, user_id: str, limits: UserLimits) -> "MovableAdmission":
        admission: RedisAdmission | MemoryAdmission | None = None
        if not self._breaker.is_open:
            with contextlib.suppress(RedisUnavailable):
                admission = await self._shared.admit(user_id, limits)
                self._is_shared = True
        if admission is None:
            admission = await self.admit_locally(user_id, limits)
        return MovableAdmission(self, user_id, admission)

    async def admit_locally(self, user_id: str, limits: UserLimits) -> MemoryAdmission:
        if self._local is None:
            raise LimiterUnavailable(retry_after_seconds=int(PROBE_SECONDS))
        if self._is_shared:
            self._is_shared = False
            self._local.forget_tokens_used()
        return await self._local.admit(user_id, limits)

    def note_uncounted(self, user_id: str) -> None:
        """Redis does not know of tokens that the user has used."""
        self._shared.note_uncounted(user_id)

    async def aclose(self) -> None:
        await self._shared.aclose()
        if self._local is not None:
            await self._local.aclose()


class MovableAdmission:
    """An admission in Redis, which moves to this process when Redis fails before its reservation. Or one of
    this process from the start.
    """

    __slots__ = ("_admission", "_limiter", "_user_id")

    def __init__(
        self, limiter: FallbackLimiter, user_id: str, admission: RedisAdmission | MemoryAdmission
    ) -> None:
        self._limiter = limiter
        self._user_id = user_id
        self._admission = admission

    @property
    def headers(self) -> dict[str, str]:
        return self._admission.headers

    async def reserve_tokens(self, tokens: int) -> int | None:
        try:
            return await self._admission.reserve_tokens(tokens)
        except RedisUnavailable:
            admission = self._admission
            assert isinstance(admission, RedisAdmission)  # memory is never unavailable
            await admission.give_back()
            self._admission = await self._limiter.admit_locally(admission.slot.user_id, admission.slot.limits)
            return await self._admission.reserve_tokens(tokens)

    async def release(self, tokens_used: int = 0) -> None:
        await self._admission.release(tokens_used)
        self._note(tokens_used)

    async def give_back(self, tokens_used: int = 0) -> None:
        await self._admission.give_back(tokens_used)
        self._note(tokens_used)

    def _note(self, tokens_used: int) -> None:
        # Whether there is a quota or not: a process without the database may not know of a new one.
        if tokens_used and isinstance(self._admission, MemoryAdmission):
            self._limiter.note_uncounted(self._user_id)
