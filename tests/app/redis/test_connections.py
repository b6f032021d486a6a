"""What a connection sends is what redis-py's own connections send."""

import pytest
from redis.asyncio import Connection, ConnectionPool, SSLConnection, UnixDomainSocketConnection

from app.redis.connections import use_gateway_connections


@pytest.mark.parametrize(
    "command",
    [
        ("EVALSHA", "0" * 40, 2, "{用户}", "k", 0.1, 1796037570.123456, -1, b"\r\n\x00", ""),
        ("CLIENT SETINFO", "LIB-NAME", "redis-py"),
        (b"XADD", "s", "*", "data", b"x" * 100_000),
    ],
)
@pytest.mark.parametrize("kind", [Connection, SSLConnection, UnixDomainSocketConnection])
def test_commands_are_packed_as_redis_py_packs_them(
    kind: type[Connection], command: tuple[str | bytes | float, ...]
) -> None:
    pool = ConnectionPool(kind)
    use_gateway_connections(pool)
    packed = pool.connection_class().pack_command(*command)
    assert b"".join(packed) == b"".join(kind().pack_command(*command))
