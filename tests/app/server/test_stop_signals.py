"""Signals that arrive while uvicorn does not listen for them."""

import asyncio
import os
import signal

import pytest
import uvicorn

from app.server.stop_signals import start_stopped_by_signals

pytestmark = pytest.mark.anyio


async def test_a_signal_that_came_before_uvicorn_listened_for_it_stops_it() -> None:
    server = uvicorn.Server(uvicorn.Config(app="unused", lifespan="off"))
    with start_stopped_by_signals(server):
        server.started = True
        os.kill(os.getpid(), signal.SIGTERM)
        while not server.should_exit:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0)
