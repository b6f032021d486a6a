"""All engines together: which one gets a request, who is tried next, and how their connections end."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import partial
from itertools import count
from typing import Final, Protocol, TypeVar

from inference.backends.remote.client import TRANSPORT_ERRORS, EngineClient, make_client
from inference.backends.remote.endpoint import Endpoint, choose
from inference.backends.remote.health import check, watch
from inference.backends.remote.patience import Patience
from inference.backends.remote.refusals import EngineError, LostConnection, final_error
from inference.config import RemoteConfig, RemoteEndpoint
from inference.errors import BackendUnavailable, GenerationFailed, QueueFull
from inference.status import WorkerStatus
from inference.types import GenerationRequest, Priority
from inference.waitlist import Queued

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
        self._requests: set[Patience] = set()
        self._idle = asyncio.Event()
        self._idle.set()
        self._turns = count()
        self._is_open = False

    async def start(self) -> None:
        client = self._client = make_client(self._config)
        await asyncio.gather(*(check(client, endpoint) for endpoint in self.endpoints))
        self._watches = [
            asyncio.create_task(watch(client, endpoint, self._config.health_seconds))
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
    async def respond(self, request: GenerationRequest, open_: Open[Response]) -> AsyncIterator[Response]:
        """The response of an engine that has begun the request. Tries up to three; closes it at the end.

        `open_` raises `QueueFull`, `EngineError` and `LostConnection` for what another engine may do.
        Raises `QueueFull`, `GenerationFailed` and `BackendUnavailable` if none of them does.
        """
        assert self._client is not None
        tried: list[Endpoint] = []
        errors: list[Exception] = []
        turn = next(self._turns)
        while len(errors) < MAX_ATTEMPTS:
            endpoint = self._choose(request.priority, tried, errors, turn)
            if endpoint is None:
                break
            tried.append(endpoint)
            queued = Queued(request)
            endpoint.requests.add(queued)
            if request.place is not None:
                request.place.enter(partial(endpoint.wait_of, queued))
            try:
                try:
                    response = await open_(self._client, endpoint)
                except (QueueFull, EngineError, LostConnection) as error:
                    errors.append(error)
                    _note(endpoint, error)
                    continue
                endpoint.note_success()
                endpoint.requests.begin(queued)
                try:
                    yield response
                except TRANSPORT_ERRORS as error:
                    if isinstance(error, TimeoutError):
                        raise
                    endpoint.note_error(f"it ended a stream ({type(error).__name__})")
                    raise GenerationFailed("the engine's connection was lost") from None
                except (EngineError, QueueFull) as error:
                    raise GenerationFailed(f"in the stream: {error}") from None
                finally:
                    await response.aclose()
                return
            finally:
                endpoint.requests.end(queued)
        raise final_error(errors, min((each.pause_seconds for each in self.endpoints), default=0.0))

    def _choose(
        self, priority: Priority, tried: list[Endpoint], errors: list[Exception], turn: int
    ) -> Endpoint | None:
        """Repeats a lost request once if no other engine is left: it may have closed an idle connection."""
        usable = [each for each in self.endpoints if each.has_place(priority, self._config.max_outstanding)]
        if not usable:
            pauses = [each.requests.retry_after_seconds() for each in self.endpoints]
            pause = min((each for each in pauses if each is not None), default=None)
            errors.append(QueueFull("every engine has as many requests as it may have", pause))
            return None
        lost_once = [
            each
            for each, error in zip(tried, errors, strict=False)
            if isinstance(error, LostConnection) and tried.count(each) == 1
        ]
        others = [each for each in tried if each not in lost_once]
        return choose(usable, tried, turn) or choose(usable, others, turn)


def _note(endpoint: Endpoint, error: Exception) -> None:
    match error:
        case QueueFull(retry_after_seconds=seconds):
            endpoint.note_busy(seconds)
        case LostConnection(is_unreachable=True):
            endpoint.note_lost(f"it cannot be reached ({error})")
        case _:
            endpoint.note_error(str(error))
