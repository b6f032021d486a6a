"""The audit log: every change by an operator, written in the transaction of the change."""

from typing import Any, Final, Literal

import orjson
from sqlalchemy.ext.asyncio import AsyncSession

from app.admin.pages import Page, paginate
from app.persistence.audit_log import add_audit_entry, list_audit_entries
from app.persistence.tables import AuditRow

COMMAND_LINE: Final = "command line"  # the actor if no operator's token was used
SIGN_IN_LINK: Final = "sign-in link"  # likewise, when a link to the page at /ops is used

Action = Literal[
    "user.create", "user.update", "token.issue", "token.revoke", "family.revoke", "user.revoke", "keys.rotate"
]


async def audit(db_session: AsyncSession, actor: str, action: Action, subject: str, **details: Any) -> None:
    """`actor` is an operator's user id or a constant of this module. `details` are JSON without secrets."""
    text = orjson.dumps(details).decode()
    await add_audit_entry(db_session, AuditRow(actor=actor, action=action, subject=subject, details=text))


async def read_audit_log(
    db_session: AsyncSession, *, limit: int, cursor: int | None = None
) -> Page[AuditRow, int]:
    """Newest first; the cursor is an entry's id."""
    return await paginate(
        lambda count: list_audit_entries(db_session, limit=count, before_id=cursor),
        limit,
        lambda row: row.id,
    )
