"""Token routes as the OAuth clients of other projects use them, over HTTPS."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.httpx_client import AsyncOAuth2Client
from oauthlib.oauth2.rfc6749.errors import InvalidGrantError
from requests_oauthlib import OAuth2Session

from ..app.gateway import Gateway
from ..app.routes.test_auth import may_chat, sign_in
from .nginx_server import NginxServer

pytestmark = [pytest.mark.anyio, pytest.mark.servers]

CLIENT_ID = "phone-app"
EXPIRED = {"token_type": "Bearer", "access_token": "x", "expires_in": -1, "expires_at": 1}


@pytest.fixture
async def authlib_client(nginx: NginxServer) -> AsyncIterator[AsyncOAuth2Client]:
    endpoint = f"{nginx.url}/auth/token"
    async with AsyncOAuth2Client(
        CLIENT_ID,
        token_endpoint=endpoint,
        token_endpoint_auth_method="none",
        scope="chat vision",
        verify=nginx.tls(),
    ) as client:
        yield client


async def test_authlib_refreshes_an_expired_token_by_itself(
    authlib_client: AsyncOAuth2Client, nginx: NginxServer, gateway: Gateway
) -> None:
    issued = await sign_in(gateway)
    authlib_client.token = {**EXPIRED, "refresh_token": issued.refresh_token}
    response = await authlib_client.post(f"{nginx.url}/chat", json={"prompt": "hello"})
    assert response.status_code == 200
    assert authlib_client.token["refresh_token"] != issued.refresh_token
    assert authlib_client.token["scope"] == "chat vision"


async def test_authlib_raises_the_error_that_the_standard_names(
    authlib_client: AsyncOAuth2Client, nginx: NginxServer
) -> None:
    for parameters, error in (
        ({"refresh_token": f"rt_{'A' * 43}"}, "invalid_grant"),
        ({"refresh_token": "A" * 9000}, "invalid_request"),
    ):
        with pytest.raises(OAuthError) as raised:
            await authlib_client.refresh_token(f"{nginx.url}/auth/token", **parameters)
        assert raised.value.error == error
        assert raised.value.description
    with pytest.raises(OAuthError) as raised:
        await authlib_client.fetch_token(grant_type="password", username="alice", password="x")
    assert raised.value.error == "unsupported_grant_type"


@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
async def test_authlib_revokes_a_token(
    authlib_client: AsyncOAuth2Client, nginx: NginxServer, gateway: Gateway, kind: str
) -> None:
    issued = await sign_in(gateway)
    url, token = f"{nginx.url}/auth/revoke", getattr(issued, kind)
    response = await authlib_client.revoke_token(url, token=token, token_type_hint=kind)
    assert response.status_code == 200
    assert not await may_chat(gateway, issued.access_token)


async def test_requests_oauthlib_refreshes_an_expired_token_by_itself(
    nginx: NginxServer, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(nginx.certificate))
    issued = await sign_in(gateway)
    saved: list[dict[str, str]] = []

    def chat() -> int:
        with (
            OAuth2Session(
                CLIENT_ID,
                token={**EXPIRED, "refresh_token": issued.refresh_token},
                scope=["chat", "vision"],
                auto_refresh_url=f"{nginx.url}/auth/token",
                auto_refresh_kwargs={"client_id": CLIENT_ID},
                token_updater=saved.append,
            ) as session,
            session.post(f"{nginx.url}/chat", json={"prompt": "hello"}) as response,
        ):
            return int(response.status_code)

    assert await asyncio.to_thread(chat) == 200
    assert saved[0]["refresh_token"] != issued.refresh_token


async def test_requests_oauthlib_raises_the_error_that_the_standard_names(nginx: NginxServer) -> None:
    def refresh() -> None:
        with OAuth2Session(CLIENT_ID) as session:
            session.refresh_token(
                f"{nginx.url}/auth/token",
                refresh_token=f"rt_{'A' * 43}",
                verify=str(nginx.certificate),
                client_id=CLIENT_ID,
            )

    with pytest.raises(InvalidGrantError) as raised:
        await asyncio.to_thread(refresh)
    assert raised.value.description == "The refresh token is not valid. Sign in again."
