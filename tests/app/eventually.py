"""Waiting for what other tasks do, where nothing sets an event."""

import asyncio
from collections.abc import Callable

PATIENT_SECONDS = 30.0  # a busy machine is slow, not broken


async def eventually(is_so: Callable[[], bool]) -> None:
    """Let other tasks run until it is so. Raises TimeoutError when it never is."""
    async with asyncio.timeout(PATIENT_SECONDS):
        while not is_so():  # noqa: ASYNC110  # nothing sets an event
            await asyncio.sleep(0)
