"""The limiter over Redis while Redis is available; this process's own, or a refusal, while it is not."""

from app.errors import LimiterUnavailable
from app.limits.memory.limiter import MemoryAdmission, MemoryLimiter
from app.limits.redis.limiter import RedisAdmission, RedisLimiter
from app.redis.circuit_breaker import PROBE_SECONDS, CircuitBreaker, RedisUnavailable
from app.user_limits import UserLimits


class FallbackLimiter:
    """Created by `build_limiter`. `local=None` refuses every request while Redis is unavailable.

    Otherwise each process then counts for itself, from nothing: limits hold per process until Redis is back.
    """

    def __init__(self, shared: RedisLimiter, local: MemoryLimiter | None, breaker: CircuitBreaker) -> None:
        """`breaker` is the one that `shared` uses; it stays open when the limiter is closed."""
        self._shared = shared
        self._local = local
        self._breaker = breaker

    @property
    def is_degraded(self) -> bool:
        return self._breaker.is_open

    async def admit(self, user_id: str, limits: UserLimits) -> "MovableAdmission | MemoryAdmission":
        if self._breaker.is_open:
            return await self.admit_locally(user_id, limits)
        try:
            admission = await self._shared.admit(user_id, limits)
        except RedisUnavailable:
            return await self.admit_locally(user_id, limits)
        return MovableAdmission(self, admission)

    async def admit_locally(self, user_id: str, limits: UserLimits) -> MemoryAdmission:
        if self._local is None:
            raise LimiterUnavailable(retry_after_seconds=int(PROBE_SECONDS))
        return await self._local.admit(user_id, limits)

    async def aclose(self) -> None:
        await self._shared.aclose()


class MovableAdmission:
    """An admission in Redis, which moves to this process when Redis fails before its reservation."""

    __slots__ = ("_admission", "_limiter")

    def __init__(self, limiter: FallbackLimiter, admission: RedisAdmission) -> None:
        self._limiter = limiter
        self._admission: RedisAdmission | MemoryAdmission = admission

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

    async def give_back(self, tokens_used: int = 0) -> None:
        await self._admission.give_back(tokens_used)
