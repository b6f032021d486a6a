"""Fixtures for tests of the whole application."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from .gateway import Gateway, running_gateway

StartGateway = Callable[..., Awaitable[Gateway]]


@pytest.fixture
async def start_gateway(tmp_path: Path) -> AsyncIterator[StartGateway]:
    """Starts gateways with settings of the test's choice; at the end each must be idle."""
    started: list[Gateway] = []
    async with AsyncExitStack() as stack:

        async def start(**overrides: Any) -> Gateway:
            directory = tmp_path / f"gateway-{len(started)}"
            gateway = await stack.enter_async_context(running_gateway(directory, **overrides))
            started.append(gateway)
            return gateway

        yield start
        for gateway in started:
            await gateway.until_idle()


@pytest.fixture
async def gateway(start_gateway: StartGateway) -> Gateway:
    """One with generous limits and the scripted backend, which says what reached it."""
    return await start_gateway(
        limits={"requests_per_minute": 10_000, "concurrent_requests": 100},
        scripted={"reply": "{prompt}"},
    )
