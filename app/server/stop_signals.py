"""SIGTERM and SIGINT while uvicorn's own handlers are not installed: before it serves, and after."""

import asyncio
import contextlib
import signal
from collections.abc import Iterator

import uvicorn


@contextlib.contextmanager
def start_stopped_by_signals(server: uvicorn.Server) -> Iterator[None]:
    """Cancels a start that takes long. While it serves, uvicorn has its own handlers; when it has
    drained it raises the signal again, which must not end the process before everything is closed.

    A signal that came just before those were installed arrives here once it serves.
    """
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None

    def stop() -> None:
        if server.started:
            server.should_exit = True
        else:
            task.cancel()

    numbers = (signal.SIGTERM, signal.SIGINT)
    for number in numbers:
        loop.add_signal_handler(number, stop)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
