"""Keeps this process's view of accounts up to date: revoked tokens, disabled users, limits of single users.

Every process polls the database. The process that makes a change applies it as soon as it has committed.
While the database is unavailable, the last view applies. docs/decisions/0001-revocations-are-polled.md says
why it is polled, and why no clock decides what is read.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session, UOWTransaction

from app.auth.account_view import AccountView
from app.auth.principal import Principal
from app.auth.signing_keys import SigningKeys
from app.auth.token_issuer import datetime_of
from app.clock_steps import STEP_AHEAD
from app.errors import DatabaseUnavailable
from app.persistence.account_changes import (
    UserState,
    newest_change_number,
    special_users,
    users_changed_after,
)
from app.persistence.database import Database
from app.persistence.revocations import Revocation, revocations_added_after, revocations_expiring_after
from app.persistence.tables import RevocationRow, UserRow
from app.user_limits import OwnLimits

RELOAD_SECONDS: Final = 300.0  # finds what someone changed in the database by hand
MAX_DRIFT_SECONDS: Final = 1.0  # of the wall clock against the monotonic one; more is a step back

logger = logging.getLogger(__name__)


class AccountChanges:
    """Started and closed by `app/lifespan.py`. Only for the thread of the event loop."""

    def __init__(
        self,
        database: Database,
        keys: SigningKeys,
        poll_seconds: float = 0.5,
        *,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._database = database
        self._keys = keys
        self._poll_seconds = poll_seconds
        self._clock = clock
        self._monotonic = monotonic
        self._sleep = sleep
        self._view: AccountView | None = None
        self._loaded_at = 0.0  # monotonic
        self._clock_offset = 0.0  # wall clock minus monotonic clock, when the view was loaded
        self._on_change: list[Callable[[], None]] = []
        self._is_database_unavailable = False
        self._reading = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._refreshing_keys: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Load everything, then poll. Raises DatabaseUnavailable: without a view no token can be accepted."""
        async with self._reading:
            await self._read()
        self._task = asyncio.create_task(self._poll(), name="account-changes")

    async def aclose(self) -> None:
        for task in (self._task, self._refreshing_keys):
            if task is not None:
                task.cancel()
                await asyncio.wait([task])
        self._task = self._refreshing_keys = None

    def subscribe(self, on_change: Callable[[], None]) -> None:
        """Call `on_change` whenever tokens may have been revoked or users disabled."""
        self._on_change.append(on_change)

    @asynccontextmanager
    async def transaction(self, *, refuse_when_busy: bool = False) -> AsyncIterator[AsyncSession]:
        """A writing transaction. What it changes about accounts applies here once it has committed.

        Nothing is read again for that: a confirmed revocation holds, whatever the database does next.
        Raises what `Database.session` raises.
        """
        rows: list[object] = []

        def collect(session: Session, flush: UOWTransaction) -> None:
            rows.extend((*session.new, *session.dirty))

        async with self._database.session(refuse_when_busy=refuse_when_busy) as db_session:
            event.listen(db_session.sync_session, "after_flush", collect)
            yield db_session
            await db_session.flush()
            changed_users = [row for row in rows if isinstance(row, UserRow)]
            for row in changed_users:
                await db_session.refresh(row)
        revocations = [Revocation.of(row) for row in rows if isinstance(row, RevocationRow)]
        self._apply_local(revocations, [UserState.of(row) for row in changed_users])

    async def refresh_now(self) -> None:
        """Apply what was committed, as a poll does.

        Does not raise when the database is unavailable: the next successful poll catches up.
        """
        async with self._reading:
            try:
                await self._read()
            except DatabaseUnavailable as error:
                if not self._is_database_unavailable:
                    logger.warning("database is unavailable; revocations stay as last known", exc_info=error)
                self._is_database_unavailable = True

    def is_revoked(self, principal: Principal) -> bool:
        """Whether the token, its family or its user is revoked, or the user is disabled."""
        view = self._view
        assert view is not None, "start() was not awaited"
        return view.is_revoked(principal)

    @property
    def is_database_unavailable(self) -> bool:
        """Whether the last poll failed: tokens are verified as last known, changes are not seen."""
        return self._is_database_unavailable

    def own_limits_of(self, user_id: str) -> OwnLimits:
        """The limits that an operator set for this user; empty for most."""
        assert self._view is not None, "start() was not awaited"
        return self._view.own_limits.get(user_id, {})

    async def _poll(self) -> None:
        while True:
            await self._sleep(self._poll_seconds)
            # Not awaited: the directory may be on a network that hangs, and revocations must not wait for it.
            if self._refreshing_keys is None or self._refreshing_keys.done():
                self._refreshing_keys = asyncio.create_task(self._refresh_keys(), name="signing-keys")
            try:
                await self.refresh_now()
            except Exception:  # the boundary of a task that must continue
                logger.exception("account changes could not be read; the previous view still applies")

    async def _refresh_keys(self) -> None:
        try:
            await asyncio.to_thread(self._keys.refresh)
        except Exception:  # likewise
            logger.exception("signing keys could not be read again; the previous ones stay in use")

    def _apply_local(self, revocations: list[Revocation], users: list[UserState]) -> None:
        view = self._view
        if view is None or not (revocations or users):
            return
        view.add_revocations(revocations)
        view.apply_local(users)
        self._notify()

    async def _read(self) -> None:
        """Raises DatabaseUnavailable, and then leaves the view as it was."""
        known = self._view
        offset = self._clock() - self._monotonic()
        async with self._database.session(read_only=True) as db_session:
            newest = await newest_change_number(db_session)
            if known is None or self._must_reload(known, newest, offset):
                await self._load(db_session, newest, offset)
            elif newest > known.change_number:
                await self._catch_up(known, db_session, newest)
        if self._is_database_unavailable:
            logger.warning("database is available again; revocations are up to date")
            self._is_database_unavailable = False

    def _must_reload(self, view: AccountView, newest: int, offset: float) -> bool:
        """After an outage, or with fewer changes than before, it may be another database: an older copy.

        After the wall clock was set back, tokens are valid again whose revocations may have been dropped.
        """
        return (
            self._is_database_unavailable
            or newest < view.change_number
            or offset < self._clock_offset - MAX_DRIFT_SECONDS
            or self._monotonic() >= self._loaded_at + RELOAD_SECONDS
        )

    async def _load(self, db_session: AsyncSession, newest: int, offset: float) -> None:
        """Replace the view. What was known to be revoked stays revoked."""
        view = AccountView()
        forgotten = self._clock() - STEP_AHEAD.total_seconds()
        async for revocations in revocations_expiring_after(db_session, datetime_of(forgotten)):
            view.add_revocations(revocations)
        async for users in special_users(db_session):
            view.set_users(users)
        view.advance(newest)
        if self._view is not None:
            view.inherit(self._view)
        view.drop_expired(forgotten)
        self._view = view
        self._loaded_at, self._clock_offset = self._monotonic(), offset
        self._notify()

    async def _catch_up(self, view: AccountView, db_session: AsyncSession, newest: int) -> None:
        revocations = [
            row async for rows in revocations_added_after(db_session, view.change_number) for row in rows
        ]
        users = [row async for rows in users_changed_after(db_session, view.change_number) for row in rows]
        view.add_revocations(revocations)
        view.set_users(users)
        view.advance(newest)
        self._notify()

    def _notify(self) -> None:
        for on_change in self._on_change:
            on_change()
