"""The guard of the routes of /ops: an access token in a cookie, for the page only.

Scripts cannot read the cookie, and browsers send it to pages of this origin only. A request that changes
something must also have a header that a page of another origin cannot set without permission.
"""

from typing import Final

from fastapi import APIRouter, Response
from fastapi.routing import APIRoute
from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.types import Scope

from app import errors
from app.auth.principal import Scope as TokenScope
from app.http.bearer_token import bearer_token
from app.http.guard import Access, GuardedRoute
from app.http.media_types import JSON

OUR_HEADER: Final = "x-gateway-ops"  # any value: its presence shows that the page sent the request
SAFE_METHODS: Final = frozenset({"GET", "HEAD"})
_COOKIE: Final = "gateway-ops"
_SECURE_COOKIE: Final = f"__Host-{_COOKIE}"  # browsers take it over https only, and from no other host


def ops_guarded(scope: TokenScope) -> type[GuardedRoute]:
    """A `route_class` that takes the session's cookie or, from scripts, a bearer token."""

    class Guarded(GuardedRoute):
        access = Access(scope, generates=False, accepts=(JSON,), takes_media=False)

        def _access_token(self, scope: Scope, headers: Headers) -> str:
            if "authorization" in headers:
                return bearer_token(headers)
            if scope["method"] not in SAFE_METHODS:
                refuse_other_sites(headers)
            return _session_token(scope, headers)

    return Guarded


def administration_of(router: APIRouter) -> APIRouter:
    """The same routes under /ops, guarded by the page's cookie and left out of the OpenAPI document."""
    administration = APIRouter(prefix="/ops", include_in_schema=False, route_class=ops_guarded("admin"))
    for route in router.routes:
        if isinstance(route, APIRoute):
            administration.add_api_route(
                route.path,
                route.endpoint,
                methods=list(route.methods or ()),
                status_code=route.status_code,
            )
    return administration


def refuse_other_sites(headers: Headers) -> None:
    """Raises `CrossSiteRequest`."""
    # Browsers send this over https at least; the page itself has the same origin.
    is_own = headers.get("sec-fetch-site", "same-origin") == "same-origin"
    if not is_own or OUR_HEADER not in headers:
        raise errors.CrossSiteRequest


def set_session(response: Response, scope: Scope, token: str, max_age_seconds: int) -> None:
    response.set_cookie(
        _cookie_name(scope),
        token,
        max_age=max_age_seconds,
        # Cookies ignore ports, and other services of this host need not see it. The prefix requires the root.
        path="/" if _is_https(scope) else "/ops",
        secure=_is_https(scope),
        httponly=True,
        samesite="strict",
    )


def clear_session(response: Response, scope: Scope) -> None:
    set_session(response, scope, "", 0)


def _session_token(scope: Scope, headers: Headers) -> str:
    token = cookie_parser(headers.get("cookie", "")).get(_cookie_name(scope))
    if not token:
        raise errors.AuthenticationError
    return token


def _cookie_name(scope: Scope) -> str:
    return _SECURE_COOKIE if _is_https(scope) else _COOKIE


def _is_https(scope: Scope) -> bool:
    return bool(scope["scheme"] == "https")
