"""What changed about accounts, in memory: revoked tokens, disabled users, limits of single users.

Every process polls the database; the one that makes a change calls `notice_now`. While the database is
away the last view stays in force. Why polled: docs/decisions/0001-revocations-are-polled.md.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from app.auth.principal import Principal
from app.auth.signing_keys import SigningKeys
from app.errors import DatabaseUnavailable
from app.persistence.account_changes import newest_user_change, special_users, users_changed_since
from app.persistence.database import Database
from app.persistence.revocations import FAMILY, TOKEN, USER, revocations_since
from app.persistence.tables import RevocationRow, UserRow

# A row is stamped before it commits, so a later stamp may be seen first: each poll looks back this far.
# Longer than any transaction here takes (a statement is ended after 10 s).
OVERLAP: Final = timedelta(seconds=60)
_FORGET_SECONDS: Final = 60.0  # between two searches for revocations that have expired

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class UserLimits:
    """A user's own limits; None keeps the service's default."""

    requests_per_minute: int | None
    concurrent_requests: int | None
    daily_tokens: int | None


NO_LIMITS: Final = UserLimits(None, None, None)


@dataclass(slots=True)
class _View:
    """Revocations by subject, each with when it may be forgotten. Numbers are Unix seconds."""

    tokens: dict[str, float] = field(default_factory=dict)
    families: dict[str, float] = field(default_factory=dict)
    users: dict[str, tuple[float, float]] = field(default_factory=dict)  # not after, forget at
    disabled_users: set[str] = field(default_factory=set)
    limits: dict[str, UserLimits] = field(default_factory=dict)
    newest_revocation: datetime | None = None  # both by the database's clock
    newest_user: datetime | None = None

    def add_revocations(self, rows: Iterable[RevocationRow]) -> None:
        for row in rows:
            forget_at = row.expires_at.timestamp()
            if row.kind == TOKEN:
                self.tokens[row.subject] = forget_at
            elif row.kind == FAMILY:
                self.families[row.subject] = forget_at
            elif row.kind == USER:
                revoked = (row.not_after.timestamp(), forget_at)
                self.users[row.subject] = max(revoked, self.users.get(row.subject, revoked))
            self.newest_revocation = max(row.created_at, self.newest_revocation or row.created_at)

    def set_users(self, rows: Iterable[UserRow]) -> None:
        for row in rows:
            limits = UserLimits(row.requests_per_minute, row.concurrent_requests, row.daily_tokens)
            if limits == NO_LIMITS:
                self.limits.pop(row.id, None)
            else:
                self.limits[row.id] = limits
            if row.is_disabled:
                self.disabled_users.add(row.id)
            else:
                self.disabled_users.discard(row.id)
            self.newest_user = max(row.changed_at, self.newest_user or row.changed_at)

    def forget_expired(self, now: float) -> None:
        self.tokens = {subject: until for subject, until in self.tokens.items() if until > now}
        self.families = {subject: until for subject, until in self.families.items() if until > now}
        self.users = {subject: both for subject, both in self.users.items() if both[1] > now}


class AccountChanges:
    """Started and closed by `app/lifespan.py`; used on the event loop's thread alone."""

    def __init__(
        self,
        database: Database,
        keys: SigningKeys,
        poll_seconds: float = 0.5,
        *,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._database = database
        self._keys = keys
        self._poll_seconds = poll_seconds
        self._clock = clock
        self._sleep = sleep
        self._view: _View | None = None
        self._forgot_at = 0.0
        self._is_database_away = False
        self._reading = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._refreshing_keys: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Load everything, then poll. Raises DatabaseUnavailable: without a view nobody is let in."""
        async with self._reading:
            await self._read()
        self._task = asyncio.create_task(self._poll(), name="account-changes")

    async def aclose(self) -> None:
        for task in (self._task, self._refreshing_keys):
            if task is not None:
                task.cancel()
                await asyncio.wait([task])
        self._task = self._refreshing_keys = None

    async def notice_now(self) -> None:
        """Take in what was just committed. Await it after the transaction, not inside.

        Does not raise when the database is away: the next poll that succeeds makes up for it.
        """
        async with self._reading:
            try:
                await self._read()
            except DatabaseUnavailable as error:
                if not self._is_database_away:
                    logger.warning("database is away; revocations stay as last known", exc_info=error)
                self._is_database_away = True

    def is_revoked(self, principal: Principal) -> bool:
        """Whether the token is revoked by itself, through its family or user, or its user is disabled."""
        view = self._view
        assert view is not None, "start() was not awaited"
        if principal.token_id in view.tokens or principal.user_id in view.disabled_users:
            return True
        if principal.family_id in view.families:
            return True
        user = view.users.get(principal.user_id)
        return user is not None and principal.issued_at <= user[0]

    @property
    def is_database_away(self) -> bool:
        """Whether the last look failed: tokens still count as last known, changes are not seen."""
        return self._is_database_away

    def limits_of(self, user_id: str) -> UserLimits | None:
        """The limits that the operator gave this user; None when it has none of its own."""
        assert self._view is not None, "start() was not awaited"
        return self._view.limits.get(user_id)

    async def _poll(self) -> None:
        while True:
            await self._sleep(self._poll_seconds)
            # Not awaited: the directory may be on a network that hangs, and revocations do not wait for it.
            if self._refreshing_keys is None or self._refreshing_keys.done():
                self._refreshing_keys = asyncio.create_task(self._refresh_keys(), name="signing-keys")
            try:
                await self.notice_now()
            except Exception:  # the boundary of a task that has to live on
                logger.exception("account changes could not be read; the former view stays in force")

    async def _refresh_keys(self) -> None:
        try:
            await asyncio.to_thread(self._keys.refresh)
        except Exception:  # likewise
            logger.exception("signing keys could not be read again; the former ones stay in use")

    async def _read(self) -> None:
        """Raises DatabaseUnavailable and leaves the view as it was."""
        view = self._view or _View()
        if self._is_database_away:
            # What comes back may be another server with another clock: everything is read again. What
            # was revoked stays so, even if that server is behind.
            view = _View(view.tokens, view.families, view.users)
        async with self._database.session(read_only=True) as db_session:
            await _update(view, db_session)
        self._view = view
        if self._is_database_away:
            logger.warning("database is back; revocations are up to date again")
            self._is_database_away = False
        if self._clock() >= self._forgot_at + _FORGET_SECONDS:
            self._forgot_at = self._clock()
            self._view.forget_expired(self._forgot_at)


async def _update(view: _View, db_session: AsyncSession) -> None:
    """Everything into an empty view; into any other what was stamped since, less the overlap."""
    since = view.newest_revocation and view.newest_revocation - OVERLAP
    revocations = await revocations_since(db_session, since)
    newest_user = view.newest_user
    if newest_user is None:
        newest_user = await newest_user_change(db_session)
        users = await special_users(db_session)
    else:
        users = await users_changed_since(db_session, newest_user - OVERLAP)
    view.newest_user = newest_user
    view.set_users(users)
    view.add_revocations(revocations)
