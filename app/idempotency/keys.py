"""Makes a request with an Idempotency-Key run once: who has the key, and the response that a retry gets.

The database decides, so that this holds for several gateways and after a restart. A gateway renews the leases
of the keys that it runs; those of a killed one end, and the next retry runs.
"""

import asyncio
import contextlib
import hmac
import logging
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, Literal, TypeVar

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import (
    DatabaseUnavailable,
    IdempotencyKeyReused,
    IdempotencyUnavailable,
    ResponseNotStored,
)
from app.idempotency.endings import Endings, Write
from app.idempotency.key import IdempotencyKey
from app.idempotency.sealed_response import StoredResponse, seal, unseal
from app.persistence.database import Database
from app.persistence.idempotency_keys import (
    MAX_DELETED,
    claim_key,
    delete_expired_keys,
    delete_oldest_responses,
    find_key,
    finish_key,
    release_key,
    renew_leases,
)
from app.settings import IdempotencySettings

LEASE_SECONDS: Final = 10.0
RENEW_SECONDS: Final = 2.5
CLEAN_SECONDS: Final = 60.0
DATABASE_SECONDS: Final = 10.0  # for the database to say whether a key was used
DATABASE_TURNS: Final = 8  # requests that ask it at once: connections remain for everything else
RETRY_SECONDS: Final = 1.0
LARGE_BYTES: Final = 64 * 1024  # compressed and encrypted in a thread
MAX_UNSTORED_BYTES: Final = 64 * 1_048_576  # of responses that wait for the database

Result = Literal["first", "attached", "replayed", "in_use", "reused", "not_stored", "unavailable"]

T = TypeVar("T")

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class KeyedRequest:
    """One request of a user. `fingerprint` is of its route and its body."""

    key: IdempotencyKey
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Run:
    """`run_id` is new for each run, and no secret."""

    request: KeyedRequest
    run_id: str


class IdempotencyKeys:
    """Started and closed by `app/lifespan.py`; used from the event loop's thread.

    `results` counts what became of requests with a key.
    """

    def __init__(
        self,
        database: Database,
        settings: IdempotencySettings,
        *,
        lease_seconds: float = LEASE_SECONDS,
        retry_seconds: float = RETRY_SECONDS,
    ) -> None:
        self.results: Counter[Result] = Counter()
        self._database = database
        self._settings = settings
        self.lease_seconds = lease_seconds
        self._owner = secrets.token_hex(16)
        self._runs: set[str] = set()
        self._endings = Endings(retry_seconds)
        self._turns = asyncio.Semaphore(DATABASE_TURNS)
        self._is_closing = asyncio.Event()
        self._upkeep: list[asyncio.Task[None]] = []

    @property
    def unstored(self) -> int:
        """Ended runs that the database does not know of yet."""
        return len(self._endings)

    async def start(self) -> None:
        self._upkeep = [
            asyncio.create_task(self._repeat(self.renew, RENEW_SECONDS), name="idempotency-leases"),
            asyncio.create_task(self._repeat(self.clean, CLEAN_SECONDS), name="idempotency-cleanup"),
        ]

    async def aclose(self) -> None:
        """Waits for what is being stored, for a while; then leases end by themselves."""
        self._is_closing.set()
        await self._endings.aclose()
        for task in self._upkeep:
            task.cancel()
        await asyncio.gather(*self._upkeep, return_exceptions=True)

    async def find(self, request: KeyedRequest) -> str | StoredResponse | None:
        """The id of the run that has the key, or its response; None if the key is free.

        Raises `IdempotencyKeyReused`, `ResponseNotStored` and `IdempotencyUnavailable`.
        """
        async with self._transaction(read_only=True) as db_session:
            state = await find_key(db_session, request.key.hash)
        if state is None:
            return None
        if not hmac.compare_digest(state.fingerprint, request.fingerprint):
            raise IdempotencyKeyReused
        if state.is_running:
            return state.run_id
        if state.response is None:
            raise ResponseNotStored
        response = await _in_thread_if(
            len(state.response) > LARGE_BYTES,
            lambda: unseal(state.response or b"", request.key, request.fingerprint),
        )
        if response is None:
            logger.error("a stored response does not belong to its idempotency key")
            raise ResponseNotStored
        return response

    async def claim(self, run: Run) -> bool:
        """Whether the key is now this run's; then call `finish` or `release` at its end.

        Raises `IdempotencyUnavailable`.
        """
        self._runs.add(run.run_id)
        is_claimed = False
        try:
            async with self._transaction() as db_session:
                is_claimed = await claim_key(
                    db_session,
                    key_hash=run.request.key.hash,
                    fingerprint=run.request.fingerprint,
                    run_id=run.run_id,
                    owner=self._owner,
                    lease_seconds=self.lease_seconds,
                )
        except BaseException:
            self._end(run, lambda: self._release(run))  # it may have been committed
            raise
        if not is_claimed:
            self._runs.discard(run.run_id)
        return is_claimed

    async def finish(self, run: Run, response: StoredResponse | None) -> None:
        """Keeps the key, and its response if it may be stored; None: it is too large.

        Call it before the last byte is sent: who has seen the end of a response has no need to retry. While
        the database is unavailable, this is tried again for as long as the gateway runs.
        """
        sealed = None
        if response is not None and self.stores(len(response.body)):
            request = run.request
            sealed = await _in_thread_if(
                len(response.body) > LARGE_BYTES, lambda: seal(response, request.key, request.fingerprint)
            )
        if sealed is not None and self._endings.held_bytes + len(sealed) > MAX_UNSTORED_BYTES:
            sealed = None
        held_bytes = 0 if sealed is None else len(sealed)
        await self._endings.wait_for(self._end(run, lambda: self._finish(run, sealed), held_bytes))

    async def release(self, run: Run) -> None:
        """The next request with the key runs: for whatever did not succeed."""
        await self._endings.wait_for(self._end(run, lambda: self._release(run)))

    def stores(self, size: int) -> bool:
        """Whether a response of that many bytes is stored."""
        return self._settings.responses == "encrypted" and size <= self._settings.max_response_bytes

    async def renew(self) -> None:
        """Keeps the leases of what runs. Raises `DatabaseUnavailable`."""
        if self._runs:
            async with self._database.session() as db_session:
                await renew_leases(db_session, self._owner, self.lease_seconds)

    async def clean(self) -> None:
        """Deletes what has expired, and responses beyond the bound. Raises `DatabaseUnavailable`."""
        deleted = MAX_DELETED
        while deleted == MAX_DELETED:
            async with self._database.session() as db_session:
                deleted = await delete_expired_keys(db_session)
        async with self._database.session() as db_session:
            await delete_oldest_responses(db_session, self._settings.max_stored_bytes)

    @asynccontextmanager
    async def _transaction(self, *, read_only: bool = False) -> AsyncIterator[AsyncSession]:
        """Raises `IdempotencyUnavailable`."""
        try:
            async with (
                asyncio.timeout(DATABASE_SECONDS),
                self._turns,
                self._database.session(read_only=read_only) as db_session,
            ):
                yield db_session
        except (DatabaseUnavailable, TimeoutError) as error:
            raise IdempotencyUnavailable from error

    def _end(self, run: Run, write: Write, held_bytes: int = 0) -> "asyncio.Task[None]":
        return self._endings.begin(write, lambda: self._runs.discard(run.run_id), held_bytes)

    async def _finish(self, run: Run, sealed: bytes | None) -> None:
        async with self._turns, self._database.session() as db_session:
            is_own = await finish_key(
                db_session,
                key_hash=run.request.key.hash,
                run_id=run.run_id,
                response=sealed,
                kept_seconds=self._settings.kept.total_seconds(),
            )
        if not is_own:
            logger.warning("the lease of an idempotency key ended before its request")

    async def _release(self, run: Run) -> None:
        async with self._turns, self._database.session() as db_session:
            await release_key(db_session, key_hash=run.request.key.hash, run_id=run.run_id)

    async def _repeat(self, work: Callable[[], Awaitable[None]], seconds: float) -> None:
        while not self._is_closing.is_set():
            try:
                await work()
            except (DatabaseUnavailable, SQLAlchemyError) as error:
                logger.warning("idempotency keys are not kept up", extra={"reason": type(error).__name__})
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._is_closing.wait(), seconds)


async def _in_thread_if(is_large: bool, work: Callable[[], T]) -> T:
    return await asyncio.to_thread(work) if is_large else work()
