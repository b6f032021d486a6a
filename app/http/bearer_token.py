"""The access token of a request: found in its headers, then verified."""

from starlette.datastructures import Headers

from app import errors
from app.auth.access_tokens import AccessTokens
from app.auth.principal import Principal
from app.limits.addresses import AddressLimiter


def bearer_token(headers: Headers) -> str:
    """The one token in the one Authorization header. Raises `AuthenticationError`."""
    values = headers.getlist("authorization")
    if len(values) != 1:
        raise errors.AuthenticationError()
    scheme, _, token = values[0].partition(" ")
    token = token.strip(" \t")
    if scheme.lower() != "bearer" or not token:
        raise errors.AuthenticationError()
    return token


async def verify_token(
    access_tokens: AccessTokens, address_limiter: AddressLimiter, token: str, address: str
) -> Principal:
    """A valid token is accepted however many attempts from the same address have failed.

    Raises `AuthenticationError`, and `RateLimitExceeded` after too many failures.
    """
    try:
        return access_tokens.verify(token)
    except errors.TokenExpired:
        raise  # phones that share a carrier's address wake up with expired tokens
    except errors.AuthenticationError:
        await address_limiter.check(address)
        await address_limiter.note_failure(address)
        raise
