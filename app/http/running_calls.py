"""The calls in progress: each can be ended early, when its token is revoked or the gateway stops.

No call has a timer of its own and none is polled: ending calls looks through all of them, once.
Used on the event loop's thread only.
"""

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Final

from app.auth.principal import Principal
from app.errors import GatewayError, TokenRevoked

UNREAD_SECONDS: Final = 0.5  # for a client to take what is being sent to it; then the connection is cut


class RunningCall:
    """One call. Enter it, repeatedly or nested, wherever the call waits and may be interrupted.

    An ended call raises its error where it waits, or where it waits next: a stream makes its last event of
    it. A call whose client does not read never gets there; it raises the error when it is unregistered.
    """

    __slots__ = (
        "_cancelling", "_depth", "_error", "_is_cancelled", "_late", "_task", "ends_with_token", "principal",
    )  # fmt: skip

    def __init__(self, principal: Principal, *, ends_with_token: bool) -> None:
        self.principal = principal
        self.ends_with_token = ends_with_token
        self._task: asyncio.Task[object] | None = None
        self._cancelling = 0  # requests to cancel the task that others made before
        self._depth = 0
        self._error: type[GatewayError] | None = None
        self._is_cancelled = False
        self._late: asyncio.TimerHandle | None = None

    def __enter__(self) -> None:
        if self._error is not None:
            raise self._error
        self._depth += 1

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._depth -= 1
        if self._is_cancelled:
            self._replace_cancellation(exc_type)

    def begin(self) -> None:
        self._task = asyncio.current_task()
        assert self._task is not None
        self._cancelling = self._task.cancelling()

    def end(self, error: type[GatewayError]) -> None:
        """The first error counts."""
        if self._error is not None:
            return
        self._error = error
        if self._depth:
            self._cancel()
        else:
            self._late = asyncio.get_running_loop().call_later(UNREAD_SECONDS, self._cancel)

    def finish(self, exc_type: type[BaseException] | None) -> None:
        if self._late is not None:
            self._late.cancel()
        if self._is_cancelled:
            self._replace_cancellation(exc_type)

    def _cancel(self) -> None:
        assert self._task is not None
        self._is_cancelled = True
        self._task.cancel()

    def _replace_cancellation(self, exc_type: type[BaseException] | None) -> None:
        """Raises our error in place of our own cancellation, as `asyncio.timeout` does it."""
        assert self._task is not None
        assert self._error is not None
        self._is_cancelled = False
        is_ours_alone = self._task.uncancel() <= self._cancelling
        if exc_type is None or (exc_type is asyncio.CancelledError and is_ours_alone):
            raise self._error from None


class RunningCalls:
    """Made by `app/lifespan.py`; nothing to close."""

    def __init__(self) -> None:
        self._calls: set[RunningCall] = set()
        self._ending: type[GatewayError] | None = None

    def __len__(self) -> int:
        return len(self._calls)

    def registered(self, call: RunningCall) -> "_Registration":
        """A context manager, for as long as the call runs, in its own task."""
        return _Registration(self, call)

    def add(self, call: RunningCall) -> None:
        call.begin()
        self._calls.add(call)
        if self._ending is not None:
            call.end(self._ending)

    def remove(self, call: RunningCall, exc_type: type[BaseException] | None) -> None:
        self._calls.discard(call)
        call.finish(exc_type)

    def end_revoked(self, is_revoked: Callable[[Principal], bool]) -> None:
        """Not all of them: the call that revokes a token may itself use that token."""
        for call in tuple(self._calls):
            if call.ends_with_token and is_revoked(call.principal):
                call.end(TokenRevoked)

    def end_all(self, error: type[GatewayError]) -> None:
        """Also the calls that start later."""
        self._ending = error
        for call in tuple(self._calls):
            call.end(error)


class _Registration:
    __slots__ = ("_call", "_calls")

    def __init__(self, calls: RunningCalls, call: RunningCall) -> None:
        self._calls = calls
        self._call = call

    def __enter__(self) -> None:
        self._calls.add(self._call)

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._calls.remove(self._call, exc_type)
