"""Waits for the effects of other tasks that set no event."""

import asyncio
from collections.abc import Callable

PATIENT_SECONDS = 30.0  # a busy machine is slow, not broken


async def eventually(is_so: Callable[[], bool]) -> None:
    """Let other tasks run until `is_so()`. Raises TimeoutError."""
    async with asyncio.timeout(PATIENT_SECONDS):
        while not is_so():  # noqa: ASYNC110  # nothing sets an event
            await asyncio.sleep(0)
