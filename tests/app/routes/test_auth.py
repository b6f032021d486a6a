"""The token routes over HTTP: what apps send, what they get, and what a stranger may not do."""

import asyncio
import json
import logging
import re
import time
from typing import Any

import httpx
import pytest
from jose import jwt

from app.auth.access_tokens import AccessTokens
from app.auth.signing_keys import load_signing_keys
from app.auth.token_issuer import IssuedTokens, NewTokens, TokenIssuer
from app.errors import InvalidToken, TokenRevoked
from app.persistence.tables import UserRow

from ..conftest import StartGateway
from ..gateway import Gateway
from ..shared_gateway import _leaves_no_task_running, _leaves_nothing_running, gateway, gateway_of_module

__all__ = ["_leaves_no_task_running", "_leaves_nothing_running", "gateway", "gateway_of_module"]

pytestmark = pytest.mark.anyio

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


async def sign_in(gateway: Gateway, name: str = "alice") -> IssuedTokens:
    issuer = TokenIssuer(gateway.services.access_tokens, gateway.services.settings.auth)
    async with gateway.services.database.session() as db_session:
        user = await db_session.get(UserRow, f"usr_{name}")
        if user is None:
            user = UserRow(id=f"usr_{name}", name=name)
            db_session.add(user)
            await db_session.flush()
        return await issuer.issue(db_session, user, NewTokens(["chat", "vision"], with_refresh=True))


async def refresh(gateway: Gateway, refresh_token: str | None, **more: Any) -> httpx.Response:
    body = {"grant_type": "refresh_token", "refresh_token": refresh_token} | more
    return await gateway.client.post("/auth/token", json=body)


async def may_chat(gateway: Gateway, access_token: str) -> bool:
    response = await gateway.client.post(
        "/chat", json={"prompt": "hi"}, headers={"Authorization": f"Bearer {access_token}"}
    )
    return response.status_code == 200


def assert_problem(response: httpx.Response, status_code: int, code: str) -> None:
    assert (response.status_code, response.json()["code"]) == (status_code, code)
    assert response.headers["content-type"] == "application/problem+json"


def assert_oauth_error(response: httpx.Response, status_code: int, code: str, error: str) -> None:
    """As RFC 6749, section 5.2 describes it, and a problem document at the same time."""
    assert_problem(response, status_code, code)
    body = response.json()
    assert body["error"] == error
    assert re.fullmatch(r"[ !#-\[\]-~]+", body["error_description"])
    assert len(body["error_description"]) == len(body["detail"])
    assert (response.headers["cache-control"], response.headers["pragma"]) == ("no-store", "no-cache")


async def test_refresh_responds_as_oauth_clients_expect(gateway: Gateway) -> None:
    issued = await sign_in(gateway)
    response = await refresh(gateway, issued.refresh_token)
    assert response.status_code == 200
    assert (response.headers["cache-control"], response.headers["pragma"]) == ("no-store", "no-cache")
    body = response.json()
    assert body.keys() == {"access_token", "token_type", "expires_in", "refresh_token", "scope"}
    assert (body["token_type"], body["expires_in"], body["scope"]) == ("Bearer", 900, "chat vision")
    assert body["refresh_token"] != issued.refresh_token
    assert await may_chat(gateway, body["access_token"])


@pytest.mark.parametrize("written", ["Bearer %s ", "Bearer %s\t", "bearer   %s", " \tBEARER %s \t"], ids=repr)
async def test_white_space_around_a_token_is_not_part_of_it(gateway: Gateway, written: str) -> None:
    token = (await gateway.headers())["Authorization"].removeprefix("Bearer ")
    reader, writer = await gateway.connect()
    head = f"GET /limits HTTP/1.1\r\nHost: x\r\nAuthorization:{written % token}\r\nConnection: close\r\n\r\n"
    writer.write(head.encode())
    assert (await reader.readline()).split()[1] == b"200"
    writer.close()


async def test_form_gives_the_same_as_json(gateway: Gateway) -> None:
    issued = await sign_in(gateway)
    form = {"grant_type": "refresh_token", "refresh_token": issued.refresh_token}
    response = await gateway.client.post("/auth/token", data=form)
    retried = await refresh(gateway, issued.refresh_token)
    assert response.status_code == retried.status_code == 200
    assert response.json()["refresh_token"] == retried.json()["refresh_token"]


async def test_parallel_refreshes_get_the_same_successor(gateway: Gateway) -> None:
    issued = await sign_in(gateway)
    responses = await asyncio.gather(*(refresh(gateway, issued.refresh_token) for _ in range(5)))
    assert {response.status_code for response in responses} == {200}
    assert len({response.json()["refresh_token"] for response in responses}) == 1


async def test_reuse_ends_the_sign_in_at_once(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(auth={"refresh_retry_grace": 0})
    issued = await sign_in(gateway)
    new = (await refresh(gateway, issued.refresh_token)).json()
    assert await may_chat(gateway, new["access_token"])
    assert_problem(await refresh(gateway, issued.refresh_token), 400, "invalid_grant")
    assert not await may_chat(gateway, new["access_token"])
    assert not await may_chat(gateway, issued.access_token)
    assert_problem(await refresh(gateway, new["refresh_token"]), 400, "invalid_grant")


@pytest.mark.parametrize("refresh_token", ["rt_" + "A" * 43, "x", "rt_" + "é" * 43, "A" * 256, "A" * 8192])
async def test_unknown_refresh_token_is_an_invalid_grant(gateway: Gateway, refresh_token: str) -> None:
    assert_oauth_error(await refresh(gateway, refresh_token), 400, "invalid_grant", "invalid_grant")


@pytest.mark.parametrize(
    "more",
    [
        {"client_id": "app"},
        {"client_id": "app", "client_secret": "", "scope": "chat", "resource": "https://api.example.com"},
        {"client_id": None, "scope": None},
        {"audience": ["a", "b"], "state": {"a": 1}},
    ],
    ids=str,
)
async def test_unknown_parameters_are_ignored(gateway: Gateway, more: dict[str, Any]) -> None:
    issued = await sign_in(gateway)
    assert (await refresh(gateway, issued.refresh_token, **more)).status_code == 200
    revoked = await gateway.client.post("/auth/revoke", json={"token": issued.access_token, **more})
    assert revoked.status_code == 200
    assert not await may_chat(gateway, issued.access_token)


async def test_unknown_parameters_of_a_form_are_ignored(gateway: Gateway) -> None:
    issued = await sign_in(gateway)
    form = f"grant_type=refresh_token&refresh_token={issued.refresh_token}&client_id=app&scope=chat&state="
    headers = FORM | {"Authorization": "Basic YXBwOg=="}  # a public client that authenticates with its name
    response = await gateway.client.post("/auth/token", content=form, headers=headers)
    assert (response.status_code, response.json()["scope"]) == (200, "chat vision")


@pytest.mark.parametrize("grant_type", ["password", "client_credentials", "authorization_code", "é"])
@pytest.mark.parametrize("is_form", [False, True], ids=["json", "form"])
async def test_other_grant_types_are_unsupported(gateway: Gateway, grant_type: str, is_form: bool) -> None:
    body = {"grant_type": grant_type, "username": "alice"}
    response = await gateway.client.post("/auth/token", **{"data" if is_form else "json": body})
    assert_oauth_error(response, 400, "unsupported_grant_type", "unsupported_grant_type")


async def test_access_token_is_no_refresh_token(gateway: Gateway) -> None:
    issued = await sign_in(gateway)
    assert_problem(await refresh(gateway, issued.access_token), 400, "invalid_grant")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"grant_type": "refresh_token"},
        {"refresh_token": "rt_x"},
        {"grant_type": "", "refresh_token": "rt_x"},
        {"grant_type": ["refresh_token"], "refresh_token": "rt_x"},
        {"grant_type": "refresh_token", "refresh_token": ""},
        {"grant_type": "refresh_token", "refresh_token": "A" * 8193},
        {"grant_type": "refresh_token", "refresh_token": None},
        {"grant_type": "refresh_token", "refresh_token": 7},
        {"grant_type": "refresh_token", "refresh_token": ["rt_x"]},
        {"grant_type": "refresh_token", "refresh_token": "rt_\x00"},
        [],
        None,
        "rt_x",
    ],
)
async def test_body_of_another_shape_is_refused(gateway: Gateway, body: Any) -> None:
    response = await gateway.client.post(
        "/auth/token", content=json.dumps(body), headers={"Content-Type": "application/json"}
    )
    assert_oauth_error(response, 400, "invalid_request", "invalid_request")
    assert "A" * 257 not in response.text


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b'{"grant_type": NaN}', b"[" * 10_000])
async def test_body_that_is_no_json_is_refused(gateway: Gateway, body: bytes) -> None:
    response = await gateway.client.post(
        "/auth/token", content=body, headers={"Content-Type": "application/json"}
    )
    assert_oauth_error(response, 400, "invalid_json", "invalid_request")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"grant_type",
        b"grant_type=refresh_token&refresh_token=a&refresh_token=b",
        b"grant_type=refresh_token&refresh_token=%ff",
        b"grant_type=refresh_token&refresh_token=\xff",
        b"grant_type=refresh_token&refresh_token=",
        b"grant_type=&refresh_token=rt_x",
        b"grant_type=refresh_token&refresh_token=rt_x&client_id=a&client_id=b",
        b"&".join(b"a%d=1" % number for number in range(1000)),
    ],
)
async def test_malformed_form_is_refused(gateway: Gateway, body: bytes) -> None:
    response = await gateway.client.post("/auth/token", content=body, headers=FORM)
    assert_oauth_error(response, 400, "invalid_request", "invalid_request")


async def test_other_content_type_is_refused(gateway: Gateway) -> None:
    response = await gateway.client.post("/auth/token", content=b"x", headers={"Content-Type": "text/plain"})
    assert_oauth_error(response, 415, "unsupported_content_type", "invalid_request")


async def test_other_refusals_are_oauth_errors_too(gateway: Gateway) -> None:
    assert_oauth_error(await gateway.client.get("/auth/token"), 405, "method_not_allowed", "invalid_request")
    large = await gateway.client.post("/auth/revoke", data={"token": "A" * 20_000})
    assert_oauth_error(large, 413, "body_too_large", "invalid_request")
    compressed = await gateway.client.post(
        "/auth/token", content=b"a", headers=FORM | {"Content-Encoding": "gzip"}
    )
    assert_oauth_error(compressed, 415, "unsupported_content_encoding", "invalid_request")


@pytest.mark.parametrize("path", ["/auth/token", "/auth/revoke"])
async def test_calls_of_one_address_are_limited(start_gateway: StartGateway, path: str) -> None:
    gateway = await start_gateway(limits={"auth_attempts_per_minute": 3})
    body = {"grant_type": "refresh_token", "refresh_token": "rt_x"} if "token" in path else {"token": "x"}
    responses = [await gateway.client.post(path, json=body) for _ in range(4)]
    assert [response.status_code for response in responses[:3]] in ([400] * 3, [200] * 3)
    assert_oauth_error(responses[3], 429, "rate_limit_exceeded", "temporarily_unavailable")
    assert 1 <= int(responses[3].headers["retry-after"]) <= 60


async def test_too_many_forged_tokens_block_the_address_but_nobody_with_a_valid_one(
    start_gateway: StartGateway,
) -> None:
    gateway = await start_gateway(limits={"auth_attempts_per_minute": 3})
    issued, other = await sign_in(gateway), await sign_in(gateway, "bob")
    assert await may_chat(gateway, issued.access_token)
    forged = {"Authorization": f"Bearer {issued.access_token[:-4]}AAAA"}
    responses = [await gateway.client.get("/limits", headers=forged) for _ in range(4)]
    assert [response.status_code for response in responses] == [401, 401, 401, 429]
    assert 1 <= int(responses[3].headers["retry-after"]) <= 60
    unseen = {"Authorization": f"Bearer {other.access_token}"}
    assert (await gateway.client.get("/limits", headers=unseen)).status_code == 200
    assert (await gateway.client.get("/limits", headers=forged)).status_code == 429
    assert await may_chat(gateway, issued.access_token)


@pytest.mark.parametrize("which", ["refresh_token", "new_refresh_token"])
async def test_revoking_a_refresh_token_signs_out(gateway: Gateway, which: str) -> None:
    issued = await sign_in(gateway)
    new = (await refresh(gateway, issued.refresh_token)).json()
    revoked = issued.refresh_token if which == "refresh_token" else new["refresh_token"]
    response = await gateway.client.post("/auth/revoke", json={"token": revoked})
    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["cache-control"] == "no-store"
    assert not await may_chat(gateway, new["access_token"])
    assert not await may_chat(gateway, issued.access_token)
    assert_problem(await refresh(gateway, new["refresh_token"]), 400, "invalid_grant")


async def test_revoking_an_access_token_ends_it_alone(gateway: Gateway) -> None:
    issued, other = await sign_in(gateway), await sign_in(gateway)
    assert await may_chat(gateway, issued.access_token)
    form = {"token": issued.access_token, "token_type_hint": "access_token"}
    assert (await gateway.client.post("/auth/revoke", data=form)).status_code == 200
    headers = {"Authorization": f"Bearer {issued.access_token}"}
    response = await gateway.client.post("/chat", json={"prompt": "hi"}, headers=headers)
    assert_problem(response, 401, "token_revoked")
    assert 'error="invalid_token"' in response.headers["www-authenticate"]
    assert await may_chat(gateway, other.access_token)
    assert (await refresh(gateway, issued.refresh_token)).status_code == 200


@pytest.mark.parametrize("token", ["x", "a.b.c", "rt_" + "A" * 43, "é", "A" * 8192])
async def test_revoking_what_is_unknown_succeeds(gateway: Gateway, token: str) -> None:
    assert (await gateway.client.post("/auth/revoke", json={"token": token})).status_code == 200


@pytest.mark.parametrize("body", [{}, {"token": ""}, {"token": "A" * 8193}, {"token": None}, {"token": 1}])
async def test_revocation_of_another_shape_is_refused(gateway: Gateway, body: dict[str, Any]) -> None:
    response = await gateway.client.post("/auth/revoke", json=body)
    assert_oauth_error(response, 400, "invalid_request", "invalid_request")


@pytest.mark.parametrize("hint", ["access_token", "refresh_token", "", "pat", "urn:example:token"])
async def test_hint_at_the_type_of_a_token_is_ignored(gateway: Gateway, hint: str) -> None:
    issued = await sign_in(gateway)
    form = {"token": issued.access_token, "token_type_hint": hint}
    assert (await gateway.client.post("/auth/revoke", data=form)).status_code == 200
    assert not await may_chat(gateway, issued.access_token)


async def test_public_keys_verify_a_token_elsewhere(gateway: Gateway) -> None:
    issued = await sign_in(gateway)
    response = await gateway.client.get("/.well-known/jwks.json")
    assert response.headers["cache-control"] == "public, max-age=300"
    claims = jwt.decode(
        issued.access_token, response.json(), algorithms=["ES256"], audience="autoglm-gateway"
    )
    assert claims["sub"] == "usr_alice"
    assert "d" not in {member for key in response.json()["keys"] for member in key}


async def test_new_key_is_published_first_and_signs_later(gateway: Gateway) -> None:
    new = load_signing_keys(gateway.services.settings).rotate()
    async with asyncio.timeout(10):
        key_ids: list[str] = []
        while new not in key_ids:
            response = await gateway.client.get("/.well-known/jwks.json")
            key_ids = [key["kid"] for key in response.json()["keys"]]
    issued = await sign_in(gateway)
    assert jwt.get_unverified_header(issued.access_token)["kid"] != new


async def test_no_token_is_logged(gateway: Gateway, caplog: pytest.LogCaptureFixture) -> None:
    issued = await sign_in(gateway)
    with caplog.at_level(logging.DEBUG):
        new = (await refresh(gateway, issued.refresh_token)).json()
        await refresh(gateway, issued.refresh_token, unknown=issued.access_token)
        await gateway.client.post("/auth/revoke", json={"token": new["refresh_token"]})
        await may_chat(gateway, new["access_token"])
    logged = json.dumps([record.__dict__ for record in caplog.records], default=str)
    for secret in (issued.refresh_token, issued.access_token, new["refresh_token"], new["access_token"]):
        assert secret is not None
        assert secret not in logged
        assert secret.rpartition(".")[2] not in logged


@pytest.mark.parametrize("hours", [-24, 2])
async def test_access_token_is_revoked_even_if_it_is_not_valid_at_the_moment(
    gateway: Gateway, hours: int
) -> None:
    """A clock that has jumped may be set right again, and the token with it."""
    services = gateway.services
    name = "jumper_ahead" if hours > 0 else "jumper_behind"
    await gateway.add_user(name)

    def clock() -> float:
        return time.time() + hours * 3600

    tokens = AccessTokens(
        services.signing_keys, services.account_changes, services.settings.auth, clock=clock
    )
    issuer = TokenIssuer(tokens, services.settings.auth)
    async with services.database.session() as db_session:
        user = await db_session.get_one(UserRow, f"usr_{name}")
        token = (await issuer.issue(db_session, user, NewTokens(["chat"]))).access_token
    with pytest.raises(InvalidToken):
        services.access_tokens.verify(token)
    assert tokens.verify(token).user_id == f"usr_{name}"
    assert (await gateway.client.post("/auth/revoke", json={"token": token})).status_code == 200
    with pytest.raises(TokenRevoked):
        tokens.verify(token)
