"""How long one generation may wait for its engine: until its deadline, or until the backend aborts it."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Literal, TypeVar

Result = TypeVar("Result")


class Patience:
    """One per generation. `deadline` is in `time.monotonic()` seconds."""

    def __init__(self, deadline: float) -> None:
        self.is_aborted = False
        self._deadline = deadline
        self._timeout: asyncio.Timeout | None = None

    @property
    def why_over(self) -> Literal["aborted", "deadline"]:
        return "aborted" if self.is_aborted else "deadline"

    async def wait(self, read: Callable[[], Awaitable[Result]]) -> Result:
        """Returns what `read` returns. Raises TimeoutError once it is over, which cancels `read`."""
        self.check()
        remaining = self._deadline - time.monotonic()
        try:
            async with asyncio.timeout(None if remaining == float("inf") else remaining) as self._timeout:
                return await read()
        finally:
            self._timeout = None

    def check(self) -> None:
        """Raises TimeoutError once it is over."""
        if self.is_aborted or time.monotonic() >= self._deadline:
            raise TimeoutError

    def abort(self) -> None:
        self.is_aborted = True
        if self._timeout is not None:
            self._timeout.reschedule(asyncio.get_running_loop().time())
