"""The requests with an Idempotency-Key that run in this process, and what each has found or makes.

What fails or is refused releases its key, so that a retry runs.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from app.errors import IdempotencyKeyReused
from app.idempotency.keys import IdempotencyKeys, KeyedRequest, Run
from app.idempotency.sealed_response import StoredResponse
from app.record.request_record import RequestRecord
from app.streams.recording import STREAM_ID, Recording, ResponseHead

Outcome = Recording | StoredResponse | None


class SingleRuns:
    """The keys that are in use in this process, by their hash. Created by `app/lifespan.py`."""

    def __init__(self, keys: IdempotencyKeys) -> None:
        self.keys = keys
        self._runs: dict[str, SingleRun] = {}

    async def outcome_of_another(self, request: KeyedRequest) -> Outcome:
        """What a request with the same key has found or begins to make; None if there is none, or it failed.

        Raises `IdempotencyKeyReused`.
        """
        while (other := self._runs.get(request.key.hash)) is not None:
            if other.request.fingerprint != request.fingerprint:
                raise IdempotencyKeyReused
            outcome = await asyncio.shield(other.outcome)
            if outcome is not None and not (isinstance(outcome, Recording) and outcome.is_ended):
                return outcome
            await other.is_over.wait()
        return None

    @asynccontextmanager
    async def begin(self, request: KeyedRequest, record: RequestRecord) -> "AsyncIterator[SingleRun]":
        """The key is this request's until the block ends. No other one may have it."""
        assert request.key.hash not in self._runs
        own = self._runs[request.key.hash] = SingleRun(self.keys, request, record, self._forget)
        try:
            yield own
        finally:
            await own.close()

    def _forget(self, own: "SingleRun") -> None:
        own.is_over.set()
        if self._runs.get(own.request.key.hash) is own:
            del self._runs[own.request.key.hash]


class SingleRun:
    """One request, until its key is kept or free. Listens to its response.

    `outcome` tells others with the same key what it has found, or what it records.
    """

    def __init__(
        self,
        keys: IdempotencyKeys,
        request: KeyedRequest,
        record: RequestRecord,
        forget: Callable[["SingleRun"], None],
    ) -> None:
        self.request = request
        self.outcome: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self.is_over = asyncio.Event()  # the key is kept or free
        self._keys = keys
        self._record = record
        self._forget = forget
        self._run: Run | None = None  # while it has the key
        self._head: ResponseHead | None = None
        self._chunks: list[bytes] = []
        self._size = 0

    def has_claimed(self, run: Run, recording: Recording) -> None:
        self._run = run
        self.outcome.set_result(recording)

    async def close(self) -> None:
        """Releases the key, unless the response was a success."""
        run, self._run = self._run, None
        if run is not None:
            await self._keys.release(run)
        self._forget(self)
        if not self.outcome.done():
            self.outcome.set_result(None)

    def start(self, head: ResponseHead) -> None:
        self._head = head

    def add(self, chunk: bytes) -> None:
        self._size += len(chunk)
        if self._keys.stores(self._size):
            self._chunks.append(chunk)
        else:
            self._chunks.clear()

    async def end(self) -> None:
        """Before anybody sees the end of the response, the database has it, or a retry may run."""
        run, head = self._run, self._head
        if run is None or head is None:
            return
        self._run = None
        if head.status // 100 == 2 and self._record.error_code is None:
            await self._keys.finish(run, self._stored(head))
        else:
            await self._keys.release(run)
        self._forget(self)

    def _stored(self, head: ResponseHead) -> StoredResponse | None:
        if not self._keys.stores(self._size):
            return None
        headers = tuple(
            (name.decode("latin-1"), value.decode("latin-1"))
            for name, value in head.headers
            if name.lower() != STREAM_ID  # of a recording, which is gone long before the stored response
        )
        return StoredResponse(head.status, headers, b"".join(self._chunks))
