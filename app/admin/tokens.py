"""Issues, lists and revokes tokens for operators: what `app/auth` does, with entries in the audit log.

Works inside the caller's transaction, which a caller inside a gateway opens with
`AccountChanges.transaction()`.
"""

from sqlalchemy.ext.asyncio import AsyncSession

from app.admin.audit import audit
from app.admin.notes import check_note
from app.admin.pages import Page, paginate
from app.auth import token_revocation
from app.auth.token_issuer import IssuedTokens, NewTokens, TokenIssuer
from app.errors import Conflict, InvalidRequest, NotFound
from app.persistence.access_tokens import list_access_tokens
from app.persistence.tables import AccessTokenRow, UserRow
from app.sentence import Sentence


async def issue_tokens(
    db_session: AsyncSession, actor: str, issuer: TokenIssuer, user: UserRow, new: NewTokens
) -> IssuedTokens:
    """Raises `Conflict` for a disabled user, and `InvalidRequest` for invalid scopes, lifetimes or notes."""
    check_note(new.note)
    if user.is_disabled:
        raise Conflict("The user is disabled; enable it first.")
    try:
        issued = await issuer.issue(db_session, user, new)
    except ValueError as error:  # the issuer's message is for operators
        raise InvalidRequest(Sentence("{reason}.", reason=error.args[0])) from None
    await audit(
        db_session,
        actor,
        "token.issue",
        issued.token_id,
        user_id=user.id,
        scopes=sorted(issued.scopes),
        expires_in=issued.expires_in,
        family_id=issued.family_id,
        note=new.note,
        **({} if new.requests_per_minute is None else {"requests_per_minute": new.requests_per_minute}),
        **({} if new.priority == "interactive" else {"priority": new.priority}),
    )
    return issued


async def list_tokens(
    db_session: AsyncSession, *, limit: int, user_id: str | None = None, cursor: str | None = None
) -> Page[AccessTokenRow, str]:
    """Newest first; the cursor is a token's id."""
    return await paginate(
        lambda count: list_access_tokens(db_session, limit=count, user_id=user_id, after_token_id=cursor),
        limit,
        lambda row: row.jti,
    )


async def revoke_token(db_session: AsyncSession, actor: str, token_id: str) -> None:
    """Revoke one access token; its family stays valid. Raises `NotFound`."""
    if not await token_revocation.revoke_token(db_session, token_id):
        raise NotFound("There is no such access token.")
    await audit(db_session, actor, "token.revoke", token_id)


async def revoke_family(db_session: AsyncSession, actor: str, family_id: str) -> None:
    """Revoke all tokens of one sign-in. Raises `NotFound`."""
    if not await token_revocation.revoke_family(db_session, family_id):
        raise NotFound("There is no such family of tokens.")
    await audit(db_session, actor, "family.revoke", family_id)


async def revoke_user(db_session: AsyncSession, actor: str, user_id: str) -> None:
    """Revoke all tokens that the user was issued so far. Raises `NotFound`."""
    if not await token_revocation.revoke_user(db_session, user_id):
        raise NotFound("There is no such user.")
    await audit(db_session, actor, "user.revoke", user_id)
