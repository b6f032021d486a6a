"""The Redis that several gateways share: one client, and its circuit breaker."""

from dataclasses import dataclass
from typing import Self

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from app.redis.circuit_breaker import CONNECT_SECONDS, CircuitBreaker
from app.redis.connections import use_gateway_connections


@dataclass(frozen=True, slots=True)
class SharedRedis:
    """Opened and closed by `app/lifespan.py`; used from one event loop. Connects in `connect` or at use."""

    url: str
    client: Redis
    breaker: CircuitBreaker

    @classmethod
    def open(cls, url: str) -> Self:
        # A connection that the server has closed is replaced at once: the library's own pauses are longer
        # than a request may wait.
        # The breaker bounds each call. With a timeout of its own the library sends through
        # `asyncio.wait_for`, which before Python 3.12 loses the breaker's cancellation if it
        # arrives as the send ends.
        client = Redis.from_url(
            url,
            retry=Retry(NoBackoff(), 1),
            socket_timeout=None,
            socket_connect_timeout=CONNECT_SECONDS,
        )
        use_gateway_connections(client.connection_pool)
        return cls(url, client, CircuitBreaker(client))

    async def connect(self) -> None:
        """Opens the connections of a burst now, so that the first burst does not wait for them.

        Redis that is unavailable is logged, and tried again.
        """
        await self.breaker.start()

    async def aclose(self) -> None:
        await self.breaker.aclose()
        await self.client.aclose()
