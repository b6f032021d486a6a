"""`POST /auth/token`, `POST /auth/revoke` and the public keys: for apps, without an access token.

Both POST routes take JSON, and the form that OAuth clients send. The guard counts calls per address.
"""

from typing import Any, Final
from urllib.parse import parse_qsl

from fastapi import APIRouter, Request, Response

from app.auth.access_tokens import AccessTokens
from app.auth.account_changes import AccountChanges
from app.auth.token_revocation import revoke_token
from app.errors import AuthenticationError, InvalidRequest, UnsupportedGrantType
from app.http.body.forms import validate
from app.http.dependencies import AccessTokensDep, AccountChangesDep, RefreshTokensDep, SigningKeysDep
from app.http.error_handlers import NOT_CACHED
from app.http.guard import guarded
from app.http.media_types import JSON, media_type_of
from app.http.openapi import request_body, whole_response
from app.http.responses import JSONResponse
from app.schemas.auth import JsonWebKeySet, RevokeRequest, TokenRequest, TokenResponse
from app.schemas.problems import OAuthProblem, problem_responses

FORM: Final = "application/x-www-form-urlencoded"
JWKS_MAX_AGE_SECONDS: Final = 300
_MAX_FIELDS: Final = 32
_GRANT_TYPE: Final = "refresh_token"
_ERRORS: Final = problem_responses(400, 405, 408, 413, 415, 429, 503, 504, schema=OAuthProblem)

router = APIRouter(tags=["auth"], route_class=guarded(None, accepts=(JSON, FORM)))


@router.post(
    "/auth/token",
    operation_id="refresh_token",
    summary="Exchange a refresh token for a new pair",
    responses=whole_response(TokenResponse) | _ERRORS,
    openapi_extra=request_body({"application/json": (TokenRequest, {}), FORM: (TokenRequest, {})}),
)
async def refresh(request: Request, refresh_tokens: RefreshTokensDep) -> Response:
    """The token that was sent is used up. Sent again within 30 s, as after a lost response, it gives the
    same successor; later, it ends the whole sign-in."""
    parameters = await _read(request)
    _check_grant_type(parameters)
    body = validate(TokenRequest, parameters)
    issued = await refresh_tokens.refresh(body.refresh_token)
    content = {
        "access_token": issued.access_token,
        "token_type": "Bearer",
        "expires_in": issued.expires_in,
        "refresh_token": issued.refresh_token,
        "scope": " ".join(sorted(issued.scopes)),
    }
    return JSONResponse(content, headers=NOT_CACHED)


@router.post(
    "/auth/revoke",
    operation_id="revoke_token",
    summary="Sign out: revoke a token",
    response_class=Response,
    response_description="It is not valid any more, if it ever was",
    responses=_ERRORS,
    openapi_extra=request_body({"application/json": (RevokeRequest, {}), FORM: (RevokeRequest, {})}),
)
async def revoke(
    request: Request,
    access_tokens: AccessTokensDep,
    account_changes: AccountChangesDep,
    refresh_tokens: RefreshTokensDep,
) -> Response:
    """A refresh token ends its sign-in with all of its tokens; an access token ends itself."""
    body = validate(RevokeRequest, await _read(request))
    if not await refresh_tokens.revoke(body.token):
        await _revoke_access_token(access_tokens, account_changes, body.token)
    return Response(headers=NOT_CACHED)


@router.get(
    "/.well-known/jwks.json",
    operation_id="jwks",
    summary="The public keys that verify access tokens",
    responses=whole_response(JsonWebKeySet) | problem_responses(405, 504),
)
async def jwks(signing_keys: SigningKeysDep) -> Response:
    """A new key is listed before it signs, an old one until the last token that it signed has expired."""
    cached = {"Cache-Control": f"public, max-age={JWKS_MAX_AGE_SECONDS}"}
    return JSONResponse(dict(signing_keys.jwks()), headers=cached)


async def _revoke_access_token(
    access_tokens: AccessTokens, account_changes: AccountChanges, encoded: str
) -> None:
    try:
        principal = access_tokens.identify(encoded)
    except AuthenticationError:
        return  # forged, so it is not valid anyway (RFC 7009, section 2.2)
    if account_changes.is_revoked(principal):
        return
    async with account_changes.transaction() as db_session:
        await revoke_token(db_session, principal.token_id)


async def _read(request: Request) -> Any:  # Any: what JSON holds
    """The parameters of a form or a JSON body; those without a value are left out (RFC 6749, section 3.2)."""
    if media_type_of(request.headers) != FORM:
        return await request.json()
    try:
        text = (await request.body()).decode()
        pairs = parse_qsl(
            text, keep_blank_values=True, strict_parsing=True, errors="strict", max_num_fields=_MAX_FIELDS
        )
    except ValueError:
        raise InvalidRequest("The form is malformed.") from None
    if len(dict(pairs)) != len(pairs):
        raise InvalidRequest("A parameter of the form was sent more than once.")
    return {name: value for name, value in pairs if value}


def _check_grant_type(parameters: Any) -> None:  # Any: what JSON holds
    grant_type = parameters.get("grant_type") if isinstance(parameters, dict) else None
    if isinstance(grant_type, str) and grant_type not in ("", _GRANT_TYPE):
        raise UnsupportedGrantType(param="grant_type")
