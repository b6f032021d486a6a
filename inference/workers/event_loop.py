"""From a worker's thread to the event loop of its listener."""

import asyncio
from collections.abc import Callable


def post(loop: asyncio.AbstractEventLoop, callback: Callable[..., None], *arguments: object) -> None:
    """Calls back in the event loop's thread. Does nothing if the loop is closed."""
    try:
        loop.call_soon_threadsafe(callback, *arguments)
    except RuntimeError:
        if not loop.is_closed():
            raise
