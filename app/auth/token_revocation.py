"""Revokes one access token, one family (all tokens of one sign-in) or all tokens of a user.

Works inside the caller's transaction. A gateway opens it with `AccountChanges.transaction()` and refuses the
tokens as soon as it has committed; the other processes refuse them within a second.
"""

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from app.auth.token_issuer import datetime_of
from app.persistence import access_tokens, refresh_tokens
from app.persistence.revocations import FAMILY, TOKEN, USER, RevocationKind, add_revocation

# Added to the expiry of the last revoked token: more than the greatest leeway that can be set.
_MARGIN: Final = timedelta(minutes=10)

Clock = Callable[[], float]


async def revoke_token(db_session: AsyncSession, token_id: str, *, clock: Clock = time.time) -> bool:
    """Returns whether there is such an access token. Its family, if any, stays valid."""
    row = await access_tokens.find_access_token(db_session, token_id)
    if row is None:
        return False
    now = datetime_of(clock())
    await access_tokens.mark_token_revoked(db_session, token_id, now)
    await _add(db_session, TOKEN, token_id, now, now, row.expires_at)
    return True


async def revoke_family(db_session: AsyncSession, family_id: str, *, clock: Clock = time.time) -> bool:
    """Returns whether there is such a family. Revokes its refresh and access tokens, also future ones."""
    user_id = await refresh_tokens.family_owner(db_session, family_id)
    if user_id is None:
        return False
    await refresh_tokens.lock_user(db_session, user_id)
    now = datetime_of(clock())
    last_expiry = await access_tokens.latest_family_expiry(db_session, family_id)
    await refresh_tokens.mark_family_unusable(db_session, family_id, now)
    await access_tokens.mark_family_revoked(db_session, family_id, now)
    await _add(db_session, FAMILY, family_id, now, now, last_expiry)
    return True


async def revoke_user(db_session: AsyncSession, user_id: str, *, clock: Clock = time.time) -> bool:
    """Returns whether there is such a user. Revokes what was issued so far; the user may sign in again."""
    if await refresh_tokens.lock_user(db_session, user_id) is None:
        return False
    now = datetime_of(int(clock()))
    # The lock excludes other issuers, but one whose clock is ahead of ours may have been first.
    latest_issue = await access_tokens.latest_issue(db_session, user_id)
    not_after = max(now, latest_issue or now)
    last_expiry = await access_tokens.latest_user_expiry(db_session, user_id)
    await refresh_tokens.mark_user_unusable(db_session, user_id, now)
    await access_tokens.mark_user_revoked(db_session, user_id, now)
    await _add(db_session, USER, user_id, now, not_after, last_expiry)
    return True


async def _add(
    db_session: AsyncSession,
    kind: RevocationKind,
    subject: str,
    now: datetime,
    not_after: datetime,
    last_expiry: datetime | None,
) -> None:
    expires_at = max(not_after, last_expiry or not_after) + _MARGIN
    await add_revocation(db_session, kind, subject, not_after=not_after, expires_at=expires_at, now=now)
