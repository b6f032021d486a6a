"""Requests and responses of the token routes (OAuth 2.0: RFC 6749, RFC 7009) and the key set (RFC 7517)."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.clean_text import CleanText
from app.schemas.absence import RequestModel

_REFRESH_TOKEN = "rt_9mJ4zq0W7c1v5nB2xK8dL3fS6gH0jP4tY7uR1eQ5wAs"  # noqa: S105  (an example)
_ACCESS_TOKEN = "eyJhbGciOiJFUzI1NiIsImtpZCI6IuKApiIsInR5cCI6ImF0K2p3dCJ9.eyJzdWIiOiJ1c3JfMSJ9.c2lnbmF0dXJl"  # noqa: S105

RefreshToken = Annotated[CleanText, Field(min_length=1, max_length=8192, examples=[_REFRESH_TOKEN])]


class TokenRequest(RequestModel):
    """Other parameters, such as `client_id` and `scope`, are ignored."""

    model_config = ConfigDict(
        extra="ignore",
        json_schema_extra={"examples": [{"grant_type": "refresh_token", "refresh_token": _REFRESH_TOKEN}]},
    )

    grant_type: Literal["refresh_token"]
    refresh_token: RefreshToken


class TokenResponse(BaseModel):
    access_token: str = Field(examples=[_ACCESS_TOKEN])
    token_type: Literal["Bearer"]
    expires_in: int = Field(ge=1, description="seconds", examples=[900])
    refresh_token: str = Field(description="replaces the one in the request", examples=[_REFRESH_TOKEN])
    scope: str = Field(description="separated by spaces", examples=["chat speech vision"])


class RevokeRequest(RequestModel):
    """Other parameters, such as `client_id` and `token_type_hint`, are ignored."""

    model_config = ConfigDict(extra="ignore", json_schema_extra={"examples": [{"token": _REFRESH_TOKEN}]})

    token: Annotated[CleanText, Field(min_length=1, max_length=8192)] = Field(
        description="a refresh token, to revoke all tokens of its sign-in, or an access token, to revoke it"
    )


class JsonWebKey(BaseModel):
    kty: Literal["EC"]
    crv: Literal["P-256"]
    x: str = Field(min_length=43, max_length=43, examples=["f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"])
    y: str = Field(min_length=43, max_length=43, examples=["x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"])
    kid: str = Field(
        min_length=43,
        max_length=43,
        description="RFC 7638 thumbprint",
        examples=["oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U"],
    )
    use: Literal["sig"]
    alg: Literal["ES256"]


class JsonWebKeySet(BaseModel):
    keys: list[JsonWebKey] = Field(min_length=1)
