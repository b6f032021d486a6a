"""The operators' routes. Every change is audited in its own transaction.

The command line calls the same functions of `app/admin`.
"""

import datetime
from datetime import timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Path, Query, Response
from pydantic import BeforeValidator

from app.admin import accounts, audit, tokens, usage
from app.admin.accounts import UserChanges
from app.http.dependencies import AccountChangesDep, DatabaseDep, PrincipalDep, TokenIssuerDep
from app.http.guard import guarded
from app.persistence.usage import UsagePeriod
from app.schemas.absence import Omittable
from app.schemas.admin import (
    AuditCursor,
    AuditEntry,
    AuditPage,
    CreateUserRequest,
    IssuedTokensResponse,
    IssueTokenRequest,
    RevokeTokensRequest,
    TokenId,
    TokenPage,
    TokenResponse,
    UpdateUserRequest,
    UsageCursor,
    UsageOfUserAndDay,
    UsagePage,
    UserId,
    UserName,
    UserPage,
    UserResponse,
)
from app.schemas.problems import problem_responses

READ_ERRORS: Final = (401, 403, 405, 422, 429, 503, 504)
WRITE_ERRORS: Final = (*READ_ERRORS, 400, 408, 413, 415)
DEFAULT_DAYS: Final = 30
CURSOR_DESCRIPTION: Final = "`next_cursor` of the previous page"
_NO_STORE: Final = {"Cache-Control": "no-store"}


def _iso_day(value: object) -> datetime.date:
    if not isinstance(value, str) or len(value) != len("2026-03-14"):
        raise ValueError("must be a date such as 2026-03-14")
    return datetime.date.fromisoformat(value)


Limit = Annotated[int, Query(ge=1, le=200, description="maximum number of entries per page")]
Day = Annotated[datetime.date, BeforeValidator(_iso_day)]

router = APIRouter(prefix="/admin", tags=["admin"], route_class=guarded("admin", takes_keys=True))


@router.post(
    "/users",
    operation_id="create_user",
    summary="Create a user",
    status_code=201,
    responses=problem_responses(*WRITE_ERRORS, 409),
)
async def create_user(
    body: CreateUserRequest,
    principal: PrincipalDep,
    account_changes: AccountChangesDep,
) -> UserResponse:
    """Names are unique. A user needs a token before it can send requests."""
    changes = UserChanges(note=body.note, own_limits=body.own_limits())
    async with account_changes.transaction() as db_session:
        row = await accounts.create_user(db_session, principal.user_id, body.name, changes)
        return UserResponse.of(row)


@router.get(
    "/users",
    operation_id="list_users",
    summary="List users",
    responses=problem_responses(*READ_ERRORS),
)
async def list_users(
    database: DatabaseDep,
    limit: Limit = 50,
    cursor: Annotated[Omittable[UserName], Query(description=CURSOR_DESCRIPTION)] = None,
) -> UserPage:
    """Ordered by name."""
    async with database.session(read_only=True) as db_session:
        page = await accounts.list_users(db_session, limit=limit, cursor=cursor)
    return UserPage(users=[UserResponse.of(row) for row in page.rows], next_cursor=page.next_cursor)


@router.get(
    "/users/{user_id}",
    operation_id="get_user",
    summary="Show a user",
    responses=problem_responses(*READ_ERRORS, 404),
)
async def get_user(user_id: Annotated[UserId, Path()], database: DatabaseDep) -> UserResponse:
    async with database.session(read_only=True) as db_session:
        return UserResponse.of(await accounts.get_user(db_session, user_id))


@router.patch(
    "/users/{user_id}",
    operation_id="update_user",
    summary="Disable or enable a user, or change its limits",
    responses=problem_responses(*WRITE_ERRORS, 404),
)
async def update_user(
    user_id: Annotated[UserId, Path()],
    body: UpdateUserRequest,
    principal: PrincipalDep,
    account_changes: AccountChangesDep,
) -> UserResponse:
    """Takes effect everywhere within a second. Enabling a user makes its unexpired tokens valid again."""
    changes = UserChanges(
        is_disabled=body.is_disabled,
        note=body.note,
        own_limits=body.own_limits(),
        use_defaults_for=frozenset(body.use_defaults_for),
    )
    async with account_changes.transaction() as db_session:
        return UserResponse.of(await accounts.update_user(db_session, principal.user_id, user_id, changes))


@router.post(
    "/tokens",
    operation_id="issue_token",
    summary="Issue a token for a user",
    status_code=201,
    responses=problem_responses(*WRITE_ERRORS, 404, 409),
)
async def issue_token(
    body: IssueTokenRequest,
    response: Response,
    principal: PrincipalDep,
    issuer: TokenIssuerDep,
    account_changes: AccountChangesDep,
) -> IssuedTokensResponse:
    """Issues an access token and, with `with_refresh`, a refresh token. They are shown only once."""
    changes = UserChanges(own_limits=body.own_limits())
    async with account_changes.transaction() as db_session:
        user = await accounts.update_user(db_session, principal.user_id, body.user_id, changes)
        issued = await tokens.issue_tokens(db_session, principal.user_id, issuer, user, body.new_tokens())
    response.headers.update(_NO_STORE)
    return IssuedTokensResponse.of(issued)


@router.get(
    "/tokens",
    operation_id="list_tokens",
    summary="List issued tokens",
    responses=problem_responses(*READ_ERRORS),
)
async def list_tokens(
    database: DatabaseDep,
    user_id: Annotated[Omittable[UserId], Query(description="only this user's")] = None,
    limit: Limit = 50,
    cursor: Annotated[Omittable[TokenId], Query(description=CURSOR_DESCRIPTION)] = None,
) -> TokenPage:
    """Newest first, including expired and revoked ones, without the tokens themselves."""
    async with database.session(read_only=True) as db_session:
        page = await tokens.list_tokens(db_session, limit=limit, user_id=user_id, cursor=cursor)
    return TokenPage(tokens=[TokenResponse.of(row) for row in page.rows], next_cursor=page.next_cursor)


@router.delete(
    "/tokens/{token_id}",
    operation_id="delete_token",
    summary="Revoke one access token",
    status_code=204,
    responses=problem_responses(*READ_ERRORS, 404),
)
async def delete_token(
    token_id: Annotated[TokenId, Path()],
    principal: PrincipalDep,
    account_changes: AccountChangesDep,
) -> None:
    """Its refresh token stays valid; to revoke that too, revoke the family."""
    async with account_changes.transaction() as db_session:
        await tokens.revoke_token(db_session, principal.user_id, token_id)


@router.post(
    "/revocations",
    operation_id="revoke_tokens",
    summary="Revoke a token, a family or all tokens of a user",
    status_code=204,
    responses=problem_responses(*WRITE_ERRORS, 404),
)
async def revoke_tokens(
    body: RevokeTokensRequest,
    principal: PrincipalDep,
    account_changes: AccountChangesDep,
) -> None:
    """Takes effect everywhere within a second. Tokens issued later are not affected."""
    async with account_changes.transaction() as db_session:
        if body.token_id is not None:
            await tokens.revoke_token(db_session, principal.user_id, body.token_id)
        elif body.family_id is not None:
            await tokens.revoke_family(db_session, principal.user_id, body.family_id)
        elif body.user_id is not None:
            await tokens.revoke_user(db_session, principal.user_id, body.user_id)


@router.get(
    "/usage",
    operation_id="get_usage",
    summary="Get usage per user and day",
    responses=problem_responses(*READ_ERRORS),
)
async def get_usage(
    database: DatabaseDep,
    first: Annotated[
        Omittable[Day], Query(alias="from", description="a UTC day; default: a month ago")
    ] = None,
    last: Annotated[Omittable[Day], Query(alias="to", description="a UTC day; default: today")] = None,
    user_id: Annotated[Omittable[UserId], Query(description="only this user's")] = None,
    limit: Limit = 100,
    cursor: Annotated[Omittable[UsageCursor], Query(description=CURSOR_DESCRIPTION)] = None,
) -> UsagePage:
    """Newest day first. The last second may be missing."""
    today = datetime.datetime.now(datetime.UTC).date()
    period = UsagePeriod(first or today - timedelta(days=DEFAULT_DAYS - 1), last or today)
    async with database.session(read_only=True) as db_session:
        page = await usage.read_usage(db_session, period, limit=limit, user_id=user_id, cursor=cursor)
    return UsagePage(usage=[UsageOfUserAndDay.of(row) for row in page.rows], next_cursor=page.next_cursor)


@router.get(
    "/audit",
    operation_id="get_audit_log",
    summary="List changes by operators",
    responses=problem_responses(*READ_ERRORS),
)
async def get_audit_log(
    database: DatabaseDep,
    limit: Limit = 50,
    cursor: Annotated[Omittable[AuditCursor], Query(description=CURSOR_DESCRIPTION)] = None,
) -> AuditPage:
    """Newest first."""
    async with database.session(read_only=True) as db_session:
        page = await audit.read_audit_log(db_session, limit=limit, cursor=cursor)
    return AuditPage(entries=[AuditEntry.of(row) for row in page.rows], next_cursor=page.next_cursor)
