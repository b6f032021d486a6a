"""Fixtures for modules whose tests leave the gateway as they found it, and share one: import all four there.

A start takes longer than most of these tests.
"""

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from ..conftest import ending_tasks, ending_threads
from .gateway import Gateway, running_gateway

__all__ = ["_leaves_no_task_running", "_leaves_nothing_running", "gateway", "gateway_of_module"]

LIMITS = {"requests_per_minute": 10_000, "concurrent_requests": 100, "auth_attempts_per_minute": 10_000}


@pytest.fixture(scope="module", autouse=True)
def _leaves_nothing_running() -> Iterator[None]:
    with ending_threads():
        yield


@pytest.fixture(scope="module")
async def _leaves_no_task_running(anyio_backend: str) -> AsyncIterator[None]:
    async with ending_tasks():
        yield


@pytest.fixture(scope="module")
async def gateway_of_module(
    tmp_path_factory: pytest.TempPathFactory, empty_database: Path, _leaves_no_task_running: None
) -> AsyncIterator[Gateway]:
    """With generous limits and the scripted backend, whose reply says what reached it."""
    directory = tmp_path_factory.mktemp("gateway")
    shutil.copy(empty_database, directory / "gateway.db")
    async with running_gateway(directory, limits=LIMITS, scripted={"reply": "{prompt}"}) as gateway:
        yield gateway


@pytest.fixture
async def gateway(gateway_of_module: Gateway) -> AsyncIterator[Gateway]:
    """Each test leaves it idle."""
    yield gateway_of_module
    await gateway_of_module.until_idle()
