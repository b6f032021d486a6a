"""The servers that other tests rely on: real, empty at the start of a test, and stoppable."""

import subprocess
import sys
import threading

import asyncpg
import pytest
import redis

pytestmark = pytest.mark.servers


@pytest.mark.parametrize("turn", ["first", "second"])
def test_redis_is_empty_for_every_test(redis_url, turn):
    with redis.Redis.from_url(redis_url) as client:
        assert client.dbsize() == 0
        client.set("turn", turn)


@pytest.mark.anyio
@pytest.mark.parametrize("turn", ["first", "second"])
async def test_postgres_database_is_empty_for_every_test(postgres_url, turn):
    connection = await asyncpg.connect(postgres_url.replace("+asyncpg", ""))
    await connection.execute("CREATE TABLE turns (name text)")
    await connection.close()


def test_stopped_redis_refuses_and_comes_back_at_the_same_address(redis_server):
    redis_server.stop()
    with redis.Redis.from_url(redis_server.url) as client:
        with pytest.raises(redis.ConnectionError):
            client.ping()
        redis_server.start()
        assert client.ping()


@pytest.mark.anyio
async def test_stopped_postgres_refuses_and_comes_back_with_its_data(postgres_server, postgres_url):
    url = postgres_url.replace("+asyncpg", "")
    connection = await asyncpg.connect(url)
    await connection.execute("CREATE TABLE kept (name text)")
    await connection.close()
    postgres_server.stop()
    with pytest.raises(OSError, match="Connect call failed"):
        await asyncpg.connect(url)
    postgres_server.start()
    connection = await asyncpg.connect(url)
    assert await connection.fetchval("SELECT count(*) FROM kept") == 0
    await connection.close()


def test_a_server_ends_with_the_process_that_started_it(tmp_path):
    script = """
import os, sys
from pathlib import Path
from testbed.servers import RedisServer
server = RedisServer(Path(sys.argv[1]))
server.start()
print(server.url, flush=True)
os._exit(1)
"""
    starter = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
    )
    with redis.Redis.from_url(starter.stdout.strip()) as client:
        ended = threading.Event()
        while not ended.wait(0.02):
            try:
                client.ping()
            except redis.ConnectionError:
                ended.set()
