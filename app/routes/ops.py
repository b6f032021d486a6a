"""The built-in page at /ops: its files, its session, its numbers, and administration through its cookie.

The files are public and hold nothing; the numbers need scope `ops`, administration needs `admin` and is
done by the same functions as `/admin`, audited like there.
"""

import posixpath
import time
from pathlib import Path
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request, Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles

import app.ops
from app import errors
from app.admin.ops_sessions import sign_in_by_link, sign_out
from app.auth.principal import Principal
from app.auth.sign_in_link import SignInLink
from app.dependencies import PrincipalDep, ServicesDep, TokenIssuerDep
from app.ops.dashboard import SLOWEST_USERS, dashboard
from app.persistence.users import names_of
from app.routes import admin
from app.routes.answers import JSONAnswer
from app.routes.guard import client_address, guarded, verify_token
from app.routes.ops_guard import clear_session, ops_guarded, refuse_other_sites, set_session
from app.schemas.ops import Defaults, SessionResponse, SignInRequest
from app.services import Services

PAGE: Final = Path(app.ops.__file__).parent / "page"
NO_STORE: Final = {"Cache-Control": "no-store"}
PAGE_HEADERS: Final = {
    "Cache-Control": "no-cache",  # asked again each time, answered with 304
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
administration = APIRouter(prefix="/ops", include_in_schema=False, route_class=ops_guarded("admin"))

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
    body: SignInRequest, request: Request, services: ServicesDep, issuer: TokenIssuerDep
) -> Response:
    """By one-time link, which makes a token, or by a token with scope `ops`."""
    refuse_other_sites(request.headers)
    address = client_address(request.scope)
    if body.access_token:
        token = body.access_token
        principal = await verify_token(services, token, address)
    else:
        token = await _token_by_link(services, issuer, body.link, address)
        principal = services.access_tokens.verify(token)
    if not principal.has_scope("ops"):
        raise errors.InsufficientScope("The access token does not have the scope ops.")
    answer = JSONAnswer(_session_of(principal, services).model_dump(), headers=NO_STORE)
    set_session(answer, request.scope, token, principal.expires_at - int(time.time()))
    return answer


@viewing.get("/ops/session")
async def session(principal: PrincipalDep, services: ServicesDep, response: Response) -> SessionResponse:
    response.headers.update(NO_STORE)
    return _session_of(principal, services)


@viewing.delete("/ops/session", status_code=204)
async def end_session(request: Request, principal: PrincipalDep, services: ServicesDep) -> Response:
    """Ends a session that a link began; a token that was pasted goes on to live elsewhere."""
    answer = Response(status_code=204)
    clear_session(answer, request.scope)
    await sign_out(services.account_changes, principal)
    return answer


@viewing.get("/ops/data")
async def data(services: ServicesDep, after: Annotated[float, Query(ge=0)] = 0.0) -> Response:
    """State now, and the samples later than `after` (Unix seconds)."""
    names: dict[str, str] = {}
    slowest = services.history.users.slowest(SLOWEST_USERS)
    if slowest:
        try:
            async with services.database.session(read_only=True) as db_session:
                names = await names_of(db_session, [user_id for user_id, _ in slowest])
        except errors.DatabaseUnavailable:
            names = {}  # ids must do; that the database is away is on the page
    return JSONAnswer(dashboard(services, after, slowest, names), headers=NO_STORE)


for _route in admin.router.routes:
    if isinstance(_route, APIRoute):
        administration.add_api_route(
            _route.path,
            _route.endpoint,
            methods=list(_route.methods or ()),
            status_code=_route.status_code,
            response_model_exclude_none=_route.response_model_exclude_none,
        )


async def _file(path: str, request: Request) -> Response:
    try:
        answer = await _files.get_response(path, request.scope)
    except HTTPException:
        raise errors.NotFound from None
    answer.headers.update(PAGE_HEADERS)
    return answer


async def _token_by_link(services: Services, issuer: TokenIssuerDep, secret: str, address: str) -> str:
    try:
        issued = await sign_in_by_link(
            services.account_changes,
            issuer,
            services.settings.auth,
            SignInLink(services.settings.data_dir),
            secret,
        )
    except errors.InvalidSignInLink:
        await services.address_limiter.check(address)
        await services.address_limiter.note_failure(address)
        raise
    return issued.access_token


def _session_of(principal: Principal, services: Services) -> SessionResponse:
    limits, auth = services.settings.limits, services.settings.auth
    return SessionResponse(
        user_id=principal.user_id,
        scopes=sorted(principal.scopes),
        expires_at=principal.expires_at,
        default_lifetime_seconds=int(auth.access_token_ttl.total_seconds()),
        max_lifetime_seconds=int(auth.max_access_token_ttl.total_seconds()),
        defaults=Defaults(
            requests_per_minute=limits.requests_per_minute,
            concurrent_requests=limits.concurrent_requests,
            daily_tokens=limits.daily_tokens,
        ),
    )
