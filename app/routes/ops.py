"""The built-in page at /ops: its files, its session and its numbers.

The files are public and hold nothing; the numbers need scope `ops`. The page administers through the routes
of `/admin`, which `app/main.py` also mounts under `/ops/admin` for its cookie.
"""

import posixpath
import time
from pathlib import Path
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request, Response
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles

import app.ops
from app import errors
from app.admin.ops_sessions import SignInByLink, sign_out
from app.auth.principal import Principal
from app.http.bearer_token import verify_token
from app.http.client_address import client_address
from app.http.dependencies import (
    AccessTokensDep,
    AccountChangesDep,
    AddressLimiterDep,
    DashboardDep,
    DatabaseDep,
    PrincipalDep,
    SettingsDep,
    SignInByLinkDep,
)
from app.http.guard import guarded
from app.http.ops_guard import clear_session, ops_guarded, refuse_other_sites, set_session
from app.http.responses import JSONResponse
from app.limits.addresses import AddressLimiter
from app.persistence.users import names_of
from app.schemas.ops import SessionResponse, SignInRequest
from app.settings import Settings

PAGE: Final = Path(app.ops.__file__).parent / "page"
NO_STORE: Final = {"Cache-Control": "no-store"}
PAGE_HEADERS: Final = {
    "Cache-Control": "no-cache",  # revalidated each time, with a 304 response
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}

public = APIRouter(include_in_schema=False, route_class=guarded(None))
viewing = APIRouter(include_in_schema=False, route_class=ops_guarded("ops"))

_files = StaticFiles(directory=PAGE, check_dir=False)  # importing this reads nothing


@public.get("/ops")
async def page(request: Request) -> Response:
    return await _file("index.html", request)


@public.get("/ops/assets/{path:path}")
async def asset(path: str, request: Request) -> Response:
    if path != posixpath.normpath(path):
        raise errors.NotFound  # `main.js/` would be a second address of main.js
    return await _file(path, request)


@public.post("/ops/session")
async def sign_in(
    body: SignInRequest,
    request: Request,
    access_tokens: AccessTokensDep,
    address_limiter: AddressLimiterDep,
    links: SignInByLinkDep,
    settings: SettingsDep,
) -> Response:
    """By one-time link, which makes a token, or by a token with scope `ops`."""
    refuse_other_sites(request.headers)
    address = client_address(request.scope)
    if body.link is not None:
        token = await _token_by_link(links, address_limiter, body.link, address)
        principal = access_tokens.verify(token)
    else:
        token = body.access_token or ""
        principal = await verify_token(access_tokens, address_limiter, token, address)
    if not principal.has_scope("ops"):
        raise errors.InsufficientScope("The access token does not have the scope ops.")
    response = JSONResponse(_session_of(principal, settings).model_dump(), headers=NO_STORE)
    set_session(response, request.scope, token, principal.expires_at - int(time.time()))
    return response


@viewing.get("/ops/session")
async def session(principal: PrincipalDep, settings: SettingsDep, response: Response) -> SessionResponse:
    response.headers.update(NO_STORE)
    return _session_of(principal, settings)


@viewing.delete("/ops/session", status_code=204)
async def end_session(
    request: Request, principal: PrincipalDep, account_changes: AccountChangesDep
) -> Response:
    """Ends a session that a link began; a token that was pasted stays valid."""
    response = Response(status_code=204)
    clear_session(response, request.scope)
    await sign_out(account_changes, principal)
    return response


@viewing.get("/ops/data")
async def data(
    dashboard: DashboardDep, database: DatabaseDep, after: Annotated[float, Query(ge=0)] = 0.0
) -> Response:
    """State now, and the samples later than `after` (Unix seconds)."""
    names: dict[str, str] = {}
    view = await dashboard.view(after)
    if view.slowest:
        try:
            async with database.session(read_only=True) as db_session:
                names = await names_of(db_session, [user_id for user_id, _ in view.slowest])
        except errors.DatabaseUnavailable:
            names = {}  # the page shows ids, and that the database is unavailable
    return JSONResponse(dashboard.document(view, names), headers=NO_STORE)


async def _file(path: str, request: Request) -> Response:
    try:
        response = await _files.get_response(path, request.scope)
    except HTTPException:
        raise errors.NotFound from None
    response.headers.update(PAGE_HEADERS)
    return response


async def _token_by_link(
    links: SignInByLink, address_limiter: AddressLimiter, secret: str, address: str
) -> str:
    try:
        issued = await links.sign_in(secret)
    except errors.InvalidSignInLink:
        await address_limiter.check(address)
        await address_limiter.note_failure(address)
        raise
    return issued.access_token


def _session_of(principal: Principal, settings: Settings) -> SessionResponse:
    auth = settings.auth
    return SessionResponse(
        user_id=principal.user_id,
        scopes=sorted(principal.scopes),
        expires_at=principal.expires_at,
        default_lifetime_seconds=int(auth.access_token_ttl.total_seconds()),
        max_lifetime_seconds=int(auth.max_access_token_ttl.total_seconds()),
        defaults=settings.limits.of_users,
    )
