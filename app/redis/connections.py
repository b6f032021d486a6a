"""redis-py's asynchronous connections with what they lack: resets by their name, and commands packed in C.

uvloop raises RuntimeError for a write to a transport that a reset has closed, which redis-py passes on as if
it were a bug. Packing one command for a user's limits in Python takes ten times as long as in C, which
redis-py's synchronous connections already do.
"""

from typing import Any

import hiredis
from redis.asyncio.connection import AbstractConnection, ConnectionPool
from redis.exceptions import ConnectionError as RedisConnectionError


class _GatewayConnection(AbstractConnection):
    def pack_command(self, *args: Any) -> list[bytes]:  # Any: as redis-py's
        """Redis takes the words of a name, such as `CLIENT SETINFO`, as arguments of their own."""
        name, *values = args
        return [hiredis.pack_command((*name.split(), *values))]

    async def send_packed_command(
        self, command: Any, check_health: bool = True
    ) -> None:  # Any: as redis-py's
        """Raises redis-py's ConnectionError, after which it connects again."""
        try:
            await super().send_packed_command(command, check_health)
        except RuntimeError as error:
            await self.disconnect(nowait=True)
            raise RedisConnectionError("the connection was reset") from error


def use_gateway_connections(pool: ConnectionPool) -> None:
    """Of connections that the pool makes from now on."""
    base = pool.connection_class
    pool.connection_class = type(base.__name__, (_GatewayConnection, base), {})
