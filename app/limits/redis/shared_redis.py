"""The Redis that several gateways share, and what every limiter that counts in it needs."""

from dataclasses import dataclass
from typing import Final, Self

from redis.asyncio import Redis

from app.limits.redis.circuit_breaker import CircuitBreaker

KEY_PREFIX: Final = "gateway:limits"


@dataclass(frozen=True, slots=True)
class SharedRedis:
    """Opened and closed by `app/lifespan.py`; used from one event loop. It connects at the first call."""

    url: str
    client: Redis
    breaker: CircuitBreaker

    @classmethod
    def open(cls, url: str) -> Self:
        client = Redis.from_url(url)
        return cls(url, client, CircuitBreaker(client))

    async def aclose(self) -> None:
        await self.breaker.aclose()
        await self.client.aclose()


def user_key(user_id: str, name: str) -> str:
    """A key of one user. The braces keep all keys of a user on one shard of a cluster."""
    return f"{KEY_PREFIX}:{{{user_id}}}:{name}"
