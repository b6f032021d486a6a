"""Responds to a request with an Idempotency-Key: it runs once, and every further one gets the same response.

Its response is recorded. While it runs, others with the key read the recording; afterwards the database has
it, if it succeeded.
"""

from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Final

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.errors import (
    IdempotencyKeyInUse,
    IdempotencyKeyReused,
    IdempotencyUnavailable,
    Overloaded,
    ResponseNotStored,
    StreamInterrupted,
    StreamNotFound,
    StreamsUnavailable,
)
from app.http.body.body_digest import body_digest
from app.http.body.kept_body import KeptBody
from app.http.body.request_body import RequestBody
from app.http.call import Call
from app.http.disconnect import AbortOnDisconnect
from app.http.event_stream import send_events
from app.http.exchange import accepted_response
from app.http.recorded_response import RecordedResponse
from app.http.single_runs import SingleRun
from app.idempotency.key import IdempotencyKey
from app.idempotency.keys import KeyedRequest, Result, Run
from app.idempotency.sealed_response import StoredResponse
from app.streams.recording import Header, Recording, ResponseHead

KEY_HEADER: Final = "Idempotency-Key"
REPLAYED: Final[Header] = (b"idempotency-replayed", b"true")
RETRY_SECONDS: Final = 1  # when a run in another process ends is unknown


async def read_keyed_request(scope: Scope, call: Call, body: RequestBody) -> tuple[KeyedRequest, KeptBody]:
    """Raises `InvalidIdempotencyKey`, and what reading the body raises."""
    headers = Headers(scope=scope)
    user_id = call.principal.user_id
    key = IdempotencyKey.of(headers.getlist(KEY_HEADER), user_id)
    kept, digest = KeptBody(body), body_digest(headers)
    with call.record.phase("read body"):
        await kept.read(digest, call.services.upload_slots, user_id, call.limits.concurrent_requests)
    target = (scope["method"], scope["path"], scope["query_string"].decode("latin-1"))
    return KeyedRequest(key, key.fingerprint(*(part.encode() for part in target), digest.digest())), kept


async def respond_once(
    scope: Scope,
    call: Call,
    request: KeyedRequest,
    admit: Callable[[], Awaitable[None]],
    run: Callable[[], Awaitable[None]],
) -> None:
    """`admit` takes from the user's limits; `run` sends the response. Neither is called for a retry.

    Raises `IdempotencyKeyReused`, `IdempotencyKeyInUse`, `ResponseNotStored`, `IdempotencyUnavailable`,
    `Overloaded`, and what both raise.
    """
    runs = call.services.single_runs
    results = runs.keys.results
    with _counted(results):
        found = await runs.outcome_of_another(request)
        if found is None:
            async with runs.begin(request, call.record) as own:
                found = await _find_or_claim(call, own, admit)
                if found is None:
                    results["first"] += 1
                    await run()
                    return
        await _respond_again(scope, call, found)


async def _find_or_claim(
    call: Call, own: SingleRun, admit: Callable[[], Awaitable[None]]
) -> Recording | StoredResponse | None:
    """None: the key is this run's, and its response is recorded from now on."""
    keys = call.services.single_runs.keys
    found = await keys.find(own.request)
    if found is None:
        await admit()
        if await _claim(call, own):
            return None
        await call.give_back_admission()
        found = await keys.find(own.request)
    outcome = found if isinstance(found, StoredResponse) else await _elsewhere(call, found)
    own.outcome.set_result(outcome)
    return outcome


async def _claim(call: Call, own: SingleRun) -> bool:
    """Raises `Overloaded` and `IdempotencyUnavailable`."""
    user_id, path = call.principal.user_id, call.exchange.path
    recording = call.services.recordings.begin(user_id, path, call.running.end, is_kept=False)
    if recording is None:
        raise Overloaded
    run = Run(own.request, recording.info.recording_id)
    is_claimed = False
    try:
        is_claimed = await call.services.single_runs.keys.claim(run)
    finally:
        if not is_claimed:
            recording.end(is_complete=False)
    if is_claimed:
        own.has_claimed(run, recording)
        call.exchange.record(recording, own)
    return is_claimed


async def _elsewhere(call: Call, run_id: str | None) -> Recording:
    """Of a run in another process. Raises `IdempotencyKeyInUse` if its recording is not shared."""
    try:
        if run_id is None:  # it has failed in between
            raise StreamNotFound
        return await call.services.recordings.find(run_id, call.principal.user_id)
    except (StreamNotFound, StreamsUnavailable):
        raise IdempotencyKeyInUse(retry_after_seconds=RETRY_SECONDS) from None


async def _respond_again(scope: Scope, call: Call, found: Recording | StoredResponse) -> None:
    results = call.services.single_runs.keys.results
    response: Response
    if isinstance(found, StoredResponse):
        results["replayed"] += 1
        response = ReplayedResponse(found)
    else:
        results["attached"] += 1
        response = await _attached(call, found)
    try:
        await response(scope, call.exchange.receive, call.exchange.send)
    except StreamInterrupted:  # nothing is sent: a retry runs when that gateway's lease is over
        raise IdempotencyKeyInUse(retry_after_seconds=RETRY_SECONDS) from None


async def _attached(call: Call, recording: Recording) -> Response:
    async with AbortOnDisconnect(call.exchange.receive):
        with call.running, recording.reading():
            is_accepted = await recording.is_accepted()
    if is_accepted:
        return accepted_response(recording, "in_progress", (REPLAYED,))
    return RecordedResponse(recording, headers=(REPLAYED,), running=call.running)


@contextmanager
def _counted(results: Counter[Result]) -> Iterator[None]:
    refusals: dict[type[Exception], Result] = {
        IdempotencyKeyReused: "reused",
        IdempotencyKeyInUse: "in_use",
        ResponseNotStored: "not_stored",
        IdempotencyUnavailable: "unavailable",
    }
    try:
        yield
    except tuple(refusals) as error:
        results[refusals[type(error)]] += 1
        raise


class ReplayedResponse(Response):
    """A stored response: its status, its type and its bytes."""

    def __init__(self, stored: StoredResponse) -> None:
        self.status_code = stored.status
        self.background = None
        self.body = stored.body
        self.raw_headers = [
            (name.encode("latin-1"), value.encode("latin-1")) for name, value in stored.headers
        ]
        self.raw_headers.append(REPLAYED)
        self._is_stream = ResponseHead(stored.status, tuple(self.raw_headers)).is_event_stream

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self._is_stream:
            await super().__call__(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send_events(self._events(), receive, send)

    async def _events(self) -> AsyncGenerator[bytes, None]:
        yield bytes(self.body)
