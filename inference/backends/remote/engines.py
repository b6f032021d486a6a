"""All engines together: which one gets a request, who is tried next, and how their connections end."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import partial
from itertools import count
from typing import Final, Protocol, TypeVar

from inference.backends.remote.attempt import Attempt, count_failures, given_up, tried
from inference.backends.remote.client import TRANSPORT_ERRORS, EngineClient, make_client, why_lost
from inference.backends.remote.endpoint import Endpoint, choose
from inference.backends.remote.health import check, watch
from inference.backends.remote.patience import Patience
from inference.backends.remote.rechecks import Rechecks
from inference.backends.remote.refusals import AccessRefused, EngineError, LostConnection, final_error
from inference.config import RemoteConfig, RemoteEndpoint
from inference.errors import BackendUnavailable, GenerationFailed, InferenceError, QueueFull
from inference.status import WorkerStatus
from inference.types import GenerationRequest, Priority
from inference.waitlist import Queued

logger = logging.getLogger(__name__)

MAX_ATTEMPTS: Final = 3
ABORT_SECONDS: Final = 10.0  # for the readers of aborted streams to end


class EngineResponse(Protocol):
    """What an engine has begun to send. Closing it ends the engine's work."""

    async def aclose(self) -> None: ...


Response = TypeVar("Response", bound=EngineResponse)
Open = Callable[[EngineClient, Endpoint], Awaitable[Response]]


class Engines:
    """Created, started and closed by what sends requests to them, and used in the event loop's thread.

    Engines that are down do not keep it from starting: they are not healthy then, and are tried again.
    """

    def __init__(self, endpoints: tuple[RemoteEndpoint, ...], config: RemoteConfig) -> None:
        self._config = config
        self.endpoints = [Endpoint(str(index), each) for index, each in enumerate(endpoints)]
        self._client: EngineClient | None = None
        self._watches: list[asyncio.Task[None]] = []
        self._rechecks = Rechecks(self._check)
        self._requests: set[Patience] = set()
        self._idle = asyncio.Event()
        self._idle.set()
        self._turns = count()
        self._is_open = False

    async def start(self) -> None:
        client = self._client = make_client(self._config)
        await asyncio.gather(*map(self._check, self.endpoints))
        self._watches = [
            asyncio.create_task(watch(client, endpoint, self._config.health_seconds, self._none_is_healthy))
            for endpoint in self.endpoints
        ]
        self._is_open = True

    def status(self) -> tuple[WorkerStatus, ...]:
        return tuple(endpoint.status(is_open=self._is_open) for endpoint in self.endpoints)

    async def aclose(self, drain_seconds: float) -> None:
        """See `Backend.aclose`."""
        self._is_open = False
        try:
            async with asyncio.timeout(drain_seconds):
                await self._idle.wait()
        except TimeoutError:
            for patience in self._requests:
                patience.abort()
            with suppress(TimeoutError):  # a stream that nobody reads
                async with asyncio.timeout(ABORT_SECONDS):
                    await self._idle.wait()
        for task in self._watches:
            task.cancel()
        await asyncio.gather(*self._watches, return_exceptions=True)
        await self._rechecks.aclose()
        if self._client is not None:
            await self._client.aclose()

    def check_open(self) -> None:
        """Raises `BackendUnavailable`."""
        if not self._is_open:
            raise BackendUnavailable("the backend is closed")

    @contextmanager
    def patience(self, deadline: float) -> Iterator[Patience]:
        """Of one request, which `aclose` waits for and then aborts."""
        patience = Patience(deadline)
        self._requests.add(patience)
        self._idle.clear()
        try:
            yield patience
        finally:
            self._requests.discard(patience)
            if not self._requests:
                self._idle.set()

    @asynccontextmanager
    async def respond(
        self, request: GenerationRequest, patience: Patience, open_: Open[Response]
    ) -> AsyncIterator[Response]:
        """The response of an engine that has begun the request. Tries three times, and closes it at the end.

        `open_` raises `QueueFull`, `EngineError` and `LostConnection` for what another engine may do.
        Raises `QueueFull`, `GenerationFailed` and `BackendUnavailable` if none of them does, and TimeoutError
        when `patience` is over.
        """
        assert self._client is not None
        attempts: list[Attempt] = []
        turn = next(self._turns)
        while len(attempts) < MAX_ATTEMPTS:
            endpoint = await self._next(request.priority, patience, attempts, turn)
            if endpoint is None:
                break
            attempt = Attempt(endpoint, request.request_id)
            attempts.append(attempt)
            queued = Queued(request)
            endpoint.requests.add(queued)
            if request.place is not None:
                request.place.enter(partial(endpoint.wait_of, queued))
            try:
                try:
                    response = await open_(self._client, endpoint)
                except (QueueFull, EngineError, LostConnection) as error:
                    attempt.error = error
                    needs_check = self._note(attempt, error)
                    if needs_check or len(attempts) > 1 or not attempt.may_have_met_idle_close:
                        count_failures(attempts)
                    continue
                except TimeoutError:
                    count_failures(attempts)
                    if not patience.is_aborted:
                        endpoint.failed += 1
                        endpoint.note_silence()
                    raise
                except InferenceError as error:
                    logger.info("engine %s refuses %s: %s", endpoint.name, request.request_id, error)
                    raise
                endpoint.note_begun()
                endpoint.requests.begin(queued)
                if len(attempts) > 1:
                    attempts[0].is_counted |= attempts[0].endpoint is endpoint  # it was an idle connection
                    count_failures(attempts)
                try:
                    yield response
                except TRANSPORT_ERRORS as error:
                    if isinstance(error, TimeoutError):
                        raise
                    endpoint.failed += 1
                    self._note(attempt, EngineError(f"it ended a stream: {why_lost(error)}"))
                    raise GenerationFailed(f"engine {endpoint.name}: its connection was lost") from None
                except (EngineError, QueueFull) as error:
                    raise GenerationFailed(f"engine {endpoint.name}, in the stream: {error}") from None
                finally:
                    await response.aclose()
                return
            finally:
                endpoint.requests.end(queued)
        raise self._final_error(attempts)

    async def _next(
        self, priority: Priority, patience: Patience, attempts: list[Attempt], turn: int
    ) -> Endpoint | None:
        """Waits for checks of engines that have just failed if no other one is left.

        Raises `QueueFull` if all have as many requests as they may have, and TimeoutError.
        """
        while True:
            usable = [
                each for each in self.endpoints if each.has_place(priority, self._config.max_outstanding)
            ]
            if not usable:
                pauses = [each.requests.retry_after_seconds() for each in self.endpoints]
                pause = min((each for each in pauses if each is not None), default=None)
                full = QueueFull("every engine has as many requests as it may have", pause)
                raise self._final_error(attempts, full)
            found = choose(usable, tried(attempts), turn) or choose(usable, given_up(attempts), turn)
            if found is not None or not self._rechecks.are_running:
                return found
            await patience.wait(self._rechecks.wait)

    def _final_error(self, attempts: list[Attempt], *others: Exception) -> InferenceError:
        count_failures(attempts)
        errors = [each.error for each in attempts if each.error is not None]
        pauses = (each.pause_seconds for each in self.endpoints)
        return final_error([*errors, *others], min(self._config.health_seconds, *pauses))

    def _none_is_healthy(self) -> bool:
        return not any(each.is_healthy for each in self.endpoints)

    async def _check(self, endpoint: Endpoint) -> str | None:
        assert self._client is not None
        return await check(self._client, endpoint)

    def _note(self, attempt: Attempt, error: QueueFull | EngineError | LostConnection) -> bool:
        """Returns whether the engine is checked now."""
        endpoint = attempt.endpoint
        if isinstance(error, QueueFull):
            endpoint.note_busy(error.retry_after_seconds)
        elif not attempt.is_outdated:
            endpoint.refuses_access |= isinstance(error, AccessRefused)
            is_unreachable = isinstance(error, LostConnection) and error.is_unreachable
            note = endpoint.note_lost if is_unreachable else endpoint.note_error
            if note(f"it cannot be reached: {error}" if is_unreachable else str(error)):
                self._rechecks.begin(endpoint)
                return True
        return False
