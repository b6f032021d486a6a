"""Redis's limiter while Redis answers; this process's own, or a refusal, while it does not."""

from app.errors import LimiterUnavailable
from app.limits.memory.limiter import MemoryAdmission, MemoryLimiter
from app.limits.policy import LimitPolicy
from app.limits.redis.circuit_breaker import PROBE_SECONDS, CircuitBreaker, RedisAway
from app.limits.redis.limiter import RedisAdmission, RedisLimiter


class FallbackLimiter:
    """Created by `build_limiter`. `local=None` refuses everybody while Redis is away.

    Each process then counts for itself, from nothing: for that time the limits hold per process.
    """

    def __init__(self, shared: RedisLimiter, local: MemoryLimiter | None, breaker: CircuitBreaker) -> None:
        self._shared = shared
        self._local = local
        self._breaker = breaker

    @property
    def is_degraded(self) -> bool:
        return self._breaker.is_open

    async def admit(self, user_id: str, policy: LimitPolicy) -> "MovableAdmission | MemoryAdmission":
        if self._breaker.is_open:
            return await self.admit_locally(user_id, policy)
        try:
            admission = await self._shared.admit(user_id, policy)
        except RedisAway:
            return await self.admit_locally(user_id, policy)
        return MovableAdmission(self, admission)

    async def admit_locally(self, user_id: str, policy: LimitPolicy) -> MemoryAdmission:
        if self._local is None:
            raise LimiterUnavailable(retry_after_seconds=int(PROBE_SECONDS))
        return await self._local.admit(user_id, policy)

    async def aclose(self) -> None:
        await self._shared.aclose()
        await self._breaker.aclose()


class MovableAdmission:
    """An admission in Redis that moves to this process when Redis goes away before its reservation."""

    __slots__ = ("_admission", "_limiter")

    def __init__(self, limiter: FallbackLimiter, admission: RedisAdmission) -> None:
        self._limiter = limiter
        self._admission: RedisAdmission | MemoryAdmission = admission

    @property
    def headers(self) -> dict[str, str]:
        return self._admission.headers

    async def reserve_tokens(self, tokens: int) -> None:
        try:
            await self._admission.reserve_tokens(tokens)
        except RedisAway:
            admission = self._admission
            assert isinstance(admission, RedisAdmission)  # memory never goes away
            await admission.give_back()
            self._admission = await self._limiter.admit_locally(admission.slot.user_id, admission.slot.policy)
            await self._admission.reserve_tokens(tokens)

    async def release(self, tokens_used: int = 0) -> None:
        await self._admission.release(tokens_used)

    async def give_back(self) -> None:
        await self._admission.give_back()
