"""Creates, changes and lists accounts for operators, over HTTP and on the command line.

Works inside the caller's transaction, which a caller inside a gateway opens with
`AccountChanges.transaction()`.
"""

import re
import secrets
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app.admin.audit import audit
from app.admin.notes import check_note
from app.admin.pages import Page, paginate
from app.errors import Conflict, InvalidRequest, NotFound
from app.persistence import users
from app.persistence.refresh_tokens import lock_user
from app.persistence.tables import UserRow
from app.user_limits import LimitName, OwnLimits

NAME_PATTERN: Final = r"^[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}$"
NO_SUCH_USER: Final = "There is no such user."
ID_BYTES: Final = 12


@dataclass(frozen=True, slots=True)
class UserChanges:
    """None, or a limit's absence, leaves a value as it is. A limit in `use_defaults_for` follows the settings
    again.
    """

    is_disabled: bool | None = None
    note: str | None = None
    own_limits: OwnLimits = field(default_factory=dict)
    use_defaults_for: frozenset[LimitName] = field(default=frozenset())

    def values(self) -> dict[str, Any]:
        """By column. A limit that is both reset and given is given."""
        values: dict[str, Any] = dict.fromkeys(sorted(self.use_defaults_for))
        if self.is_disabled is not None:
            values["is_disabled"] = self.is_disabled
        if self.note is not None:
            values["note"] = self.note
        return values | dict(self.own_limits)


async def create_user(
    db_session: AsyncSession, actor: str, name: str, changes: UserChanges | None = None
) -> UserRow:
    """Raises `InvalidRequest` for an invalid name or note, and `Conflict` if there is a user of that name."""
    if not re.fullmatch(NAME_PATTERN, name):
        raise InvalidRequest(
            "A name has 1 to 64 letters, digits and . _ @ + - and begins with a letter or digit."
        )
    values = changes.values() if changes is not None else {}
    check_note(values.get("note", ""))
    row = UserRow(id=f"usr_{secrets.token_urlsafe(ID_BYTES)}", name=name, **values)
    try:
        await users.add_user(db_session, row)
    except IntegrityError:
        raise Conflict("There is already a user of that name.") from None
    await audit(db_session, actor, "user.create", row.id, name=name, **values)
    return row


async def update_user(db_session: AsyncSession, actor: str, user_id: str, changes: UserChanges) -> UserRow:
    """Raises `NotFound`, and `InvalidRequest` for a note that cannot be stored."""
    check_note(changes.note or "")
    row = await lock_user(db_session, user_id)
    if row is None:
        raise NotFound(NO_SUCH_USER)
    changed = {name: value for name, value in changes.values().items() if getattr(row, name) != value}
    if changed:
        for name, value in changed.items():
            setattr(row, name, value)
        await db_session.flush()
        await db_session.refresh(row)
        await audit(db_session, actor, "user.update", row.id, **changed)
    return row


async def get_user(db_session: AsyncSession, user_id: str) -> UserRow:
    """Raises `NotFound`."""
    row = await users.find_user(db_session, user_id)
    if row is None:
        raise NotFound(NO_SUCH_USER)
    return row


async def get_user_named(db_session: AsyncSession, name: str) -> UserRow:
    """Raises `NotFound`."""
    row = await users.find_user_named(db_session, name)
    if row is None:
        raise NotFound("There is no user of that name.")
    return row


async def get_or_create_user(db_session: AsyncSession, actor: str, name: str) -> UserRow:
    row = await users.find_user_named(db_session, name)
    return row if row is not None else await create_user(db_session, actor, name)


async def list_users(
    db_session: AsyncSession, *, limit: int, cursor: str | None = None
) -> Page[UserRow, str]:
    """By name, which is the cursor too."""
    return await paginate(
        lambda count: users.list_users(db_session, limit=count, after_name=cursor),
        limit,
        lambda row: row.name,
    )
