"""Connections to Redis that say so when the other end has reset them.

uvloop raises RuntimeError for a write to a transport that a reset has closed, which redis-py passes on as if
it were a bug.
"""

from typing import Any

from redis.asyncio.connection import AbstractConnection, ConnectionPool
from redis.exceptions import ConnectionError as RedisConnectionError


class _Resettable(AbstractConnection):
    async def send_packed_command(
        self, command: Any, check_health: bool = True
    ) -> None:  # Any: as redis-py's
        """Raises redis-py's ConnectionError, after which it connects again."""
        try:
            await super().send_packed_command(command, check_health)
        except RuntimeError as error:
            await self.disconnect(nowait=True)
            raise RedisConnectionError("the connection was reset") from error


def expect_resets(pool: ConnectionPool) -> None:
    """Of connections that the pool makes from now on."""
    base = pool.connection_class
    pool.connection_class = type(base.__name__, (_Resettable, base), {})
