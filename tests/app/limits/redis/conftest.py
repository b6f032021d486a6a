"""A Redis that no slow machine makes unavailable, and commands that go to it together."""

from collections.abc import AsyncIterator

import pytest

from app.limits.redis.joined_commands import JoinedCommands
from app.redis.shared_redis import SharedRedis

from ..conftest import patient_redis


@pytest.fixture
async def redis(redis_url: str, anyio_backend: str) -> AsyncIterator[SharedRedis]:
    redis = patient_redis(redis_url)
    yield redis
    await redis.aclose()


@pytest.fixture
async def commands(redis: SharedRedis) -> AsyncIterator[JoinedCommands]:
    commands = JoinedCommands(redis)
    yield commands
    await commands.aclose()
