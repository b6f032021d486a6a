"""One site of two gateways, which every test leaves as it found it."""

from collections.abc import Iterator

import pytest

from benchmarks.two_gateways import Site, running_site
from testbed.servers import PostgresServer, RedisServer, server_directory


@pytest.fixture(scope="session")
def site(_redis_session_server: RedisServer, _postgres_session_server: PostgresServer) -> Iterator[Site]:
    _redis_session_server.start()
    _postgres_session_server.start()
    with server_directory() as directory:
        directory.chmod(0o711)
        with running_site(directory, _redis_session_server, _postgres_session_server) as site:
            yield site
