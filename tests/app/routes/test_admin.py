"""The operators' routes, in a running gateway."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from app.persistence.usage_writer import UsageRecord
from testbed.servers import PostgresServer
from tests.app.conftest import StartGateway
from tests.app.gateway import Gateway
from tests.app.recording_backend import record_requests

pytestmark = pytest.mark.anyio

UNKNOWN_USER = "usr_nobody"


async def call(gateway: Gateway, method: str, path: str, **options: Any) -> httpx.Response:
    """As the operator `root`."""
    headers = await gateway.headers("root", "admin") | options.pop("headers", {})
    return await gateway.client.request(method, f"/admin{path}", headers=headers, **options)


async def make_user(gateway: Gateway, name: str = "bob", **fields: Any) -> str:
    response = await call(gateway, "POST", "/users", json={"name": name} | fields)
    assert response.status_code == 201, response.text
    user_id: str = response.json()["id"]
    return user_id


async def issue(gateway: Gateway, user_id: str, **fields: Any) -> dict[str, Any]:
    body = {"user_id": user_id, "scopes": ["chat"]} | fields
    response = await call(gateway, "POST", "/tokens", json=body)
    assert response.status_code == 201, response.text
    tokens: dict[str, Any] = response.json()
    return tokens


async def chat(gateway: Gateway, access_token: str) -> httpx.Response:
    headers = {"Authorization": f"Bearer {access_token}"}
    return await gateway.client.post("/chat", headers=headers, json={"prompt": "hello"})


async def audit_of(gateway: Gateway) -> list[tuple[str, str, str]]:
    """Actor, action and subject, oldest first."""
    entries = (await call(gateway, "GET", "/audit")).json()["entries"]
    return [(entry["actor"], entry["action"], entry["subject"]) for entry in reversed(entries)]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/users"),
        ("GET", "/users"),
        ("GET", "/users/usr_1"),
        ("PATCH", "/users/usr_1"),
        ("POST", "/tokens"),
        ("GET", "/tokens"),
        ("DELETE", "/tokens/tok_1"),
        ("POST", "/revocations"),
        ("GET", "/usage"),
        ("GET", "/audit"),
    ],
)
async def test_route_is_for_operators_only(gateway: Gateway, method: str, path: str) -> None:
    stranger = await gateway.client.request(method, f"/admin{path}")
    user = await gateway.call(method, f"/admin{path}")
    assert (stranger.status_code, user.status_code) == (401, 403)
    assert user.json()["code"] == "insufficient_scope"


async def test_user_is_created_shown_and_audited(gateway: Gateway) -> None:
    user_id = await make_user(gateway, "bob", note="iOS beta", daily_tokens=5000)
    shown = (await call(gateway, "GET", f"/users/{user_id}")).json()
    assert shown.pop("created_at").endswith("Z")
    assert shown.pop("changed_at").endswith("Z")
    assert shown == {
        "id": user_id,
        "name": "bob",
        "is_disabled": False,
        "daily_tokens": 5000,
        "note": "iOS beta",
    }
    assert await audit_of(gateway) == [("usr_root", "user.create", user_id)]


async def test_name_is_unique(gateway: Gateway) -> None:
    await make_user(gateway, "bob")
    response = await call(gateway, "POST", "/users", json={"name": "bob"})
    assert (response.status_code, response.json()["code"]) == (409, "conflict")
    assert len(await audit_of(gateway)) == 1


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": ""},
        {"name": "a b"},
        {"name": "x" * 65},
        {"name": "a\x00b"},
        {"name": 5},
        {"name": "bob", "daily_tokens": 0},
        {"name": "bob", "daily_tokens": None},
        {"name": "bob", "daily_tokens": "5"},
        {"name": "bob", "requests_per_minute": True},
        {"name": "bob", "note": "x" * 501},
        {"name": "bob", "note": "a\x00b"},
        {"name": "bob", "is_admin": True},
    ],
)
async def test_user_with_an_invalid_or_unknown_field_is_refused(
    gateway: Gateway, body: dict[str, Any]
) -> None:
    response = await call(gateway, "POST", "/users", json=body)
    assert (response.status_code, response.json()["code"]) == (422, "invalid_request")


async def test_update_contains_only_what_changes(gateway: Gateway) -> None:
    user_id = await make_user(gateway, "bob", note="first", daily_tokens=5000)
    changed = await call(gateway, "PATCH", f"/users/{user_id}", json={"requests_per_minute": 60})
    assert changed.json()["daily_tokens"] == 5000
    assert changed.json()["requests_per_minute"] == 60
    assert changed.json()["note"] == "first"
    entries = (await call(gateway, "GET", "/audit")).json()["entries"]
    assert entries[0]["details"] == {"requests_per_minute": 60}


async def test_limit_is_reset_to_the_default(gateway: Gateway) -> None:
    user_id = await make_user(gateway, "bob", daily_tokens=5000, requests_per_minute=60)
    changed = await call(gateway, "PATCH", f"/users/{user_id}", json={"use_defaults_for": ["daily_tokens"]})
    assert "daily_tokens" not in changed.json()
    assert changed.json()["requests_per_minute"] == 60


async def test_change_that_changes_nothing_is_not_audited(gateway: Gateway) -> None:
    user_id = await make_user(gateway, "bob")
    for body in ({}, {"is_disabled": False}):
        assert (await call(gateway, "PATCH", f"/users/{user_id}", json=body)).status_code == 200
    assert len(await audit_of(gateway)) == 1


async def test_user_is_disabled_and_enabled_at_once(gateway: Gateway) -> None:
    user_id = await make_user(gateway)
    access_token = (await issue(gateway, user_id))["access_token"]
    assert (await chat(gateway, access_token)).status_code == 200
    await call(gateway, "PATCH", f"/users/{user_id}", json={"is_disabled": True})
    assert (await chat(gateway, access_token)).status_code == 401
    refused = await call(gateway, "POST", "/tokens", json={"user_id": user_id, "scopes": ["chat"]})
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    await call(gateway, "PATCH", f"/users/{user_id}", json={"is_disabled": False})
    assert (await chat(gateway, access_token)).status_code == 200


async def test_limits_of_a_user_apply_at_once(gateway: Gateway) -> None:
    user_id = await make_user(gateway)
    access_token = (await issue(gateway, user_id, requests_per_minute=1))["access_token"]
    responses = [(await chat(gateway, access_token)).status_code for _ in range(2)]
    assert responses == [200, 429]
    assert (await call(gateway, "GET", f"/users/{user_id}")).json()["requests_per_minute"] == 1


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", f"/users/{UNKNOWN_USER}", None),
        ("PATCH", f"/users/{UNKNOWN_USER}", {"note": "x"}),
        ("POST", "/tokens", {"user_id": UNKNOWN_USER, "scopes": ["chat"]}),
        ("DELETE", "/tokens/tok_unknown", None),
        ("POST", "/revocations", {"token_id": "tok_unknown"}),
        ("POST", "/revocations", {"family_id": "fam_unknown"}),
        ("POST", "/revocations", {"user_id": UNKNOWN_USER}),
    ],
)
async def test_unknown_object_is_not_found_and_not_audited(
    gateway: Gateway, method: str, path: str, body: dict[str, Any] | None
) -> None:
    response = await call(gateway, method, path, json=body) if body else await call(gateway, method, path)
    assert (response.status_code, response.json()["code"]) == (404, "not_found")
    assert await audit_of(gateway) == []


async def test_issued_token_works_and_is_listed_without_itself(gateway: Gateway) -> None:
    user_id = await make_user(gateway)
    issued = await issue(gateway, user_id, lifetime_seconds=3600, note="phone")
    assert (await chat(gateway, issued["access_token"])).status_code == 200
    assert (issued["token_type"], issued["expires_in"], issued["scope"]) == ("Bearer", 3600, "chat")
    assert "refresh_token" not in issued
    listed = await call(gateway, "GET", "/tokens", params={"user_id": user_id})
    (token,) = listed.json()["tokens"]
    assert token["token_id"] == issued["token_id"]
    assert (token["scopes"], token["note"]) == (["chat"], "phone")
    assert issued["access_token"] not in listed.text
    assert (await audit_of(gateway))[-1] == ("usr_root", "token.issue", issued["token_id"])
    assert issued["access_token"] not in (await call(gateway, "GET", "/audit")).text


async def test_token_with_a_rate_of_its_own_is_limited_by_it(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(limits={"requests_per_minute": 1})
    user_id = await make_user(gateway)
    key = await issue(gateway, user_id, lifetime_seconds=90 * 86_400, token_requests_per_minute=3)
    phone = await issue(gateway, user_id)
    responses = [await chat(gateway, key["access_token"]) for _ in range(4)]
    assert [response.status_code for response in responses] == [200, 200, 200, 429]
    assert responses[0].headers["ratelimit-policy"] == '"requests";q=3;w=60'
    assert [(await chat(gateway, phone["access_token"])).status_code for _ in range(2)] == [200, 429]
    headers = {"Authorization": f"Bearer {key['access_token']}"}
    assert (await gateway.client.get("/limits", headers=headers)).json()["requests_per_minute"] == 3
    listed = (await call(gateway, "GET", "/tokens", params={"user_id": user_id})).json()["tokens"]
    rates = {token["token_id"]: token.get("requests_per_minute") for token in listed}
    assert rates == {key["token_id"]: 3, phone["token_id"]: None}
    user = (await call(gateway, "GET", f"/users/{user_id}")).json()
    assert "requests_per_minute" not in user
    entries = (await call(gateway, "GET", "/audit")).json()["entries"]
    details = [entry["details"] for entry in entries if entry["subject"] == key["token_id"]]
    assert details[0]["requests_per_minute"] == 3


async def test_priority_of_a_token_goes_with_its_requests_after_a_refresh_too(gateway: Gateway) -> None:
    issued = await issue(gateway, await make_user(gateway), priority="batch", with_refresh=True)
    body = {"grant_type": "refresh_token", "refresh_token": issued["refresh_token"]}
    refreshed = await gateway.client.post("/auth/token", json=body)
    requests = record_requests(gateway)
    assert (await chat(gateway, refreshed.json()["access_token"])).status_code == 200
    assert (await gateway.call("POST", "/chat", json={"prompt": "hi"})).status_code == 200
    assert [request.priority for request in requests] == ["batch", "interactive"]
    listed = (await call(gateway, "GET", "/tokens")).json()["tokens"]
    assert {token["priority"] for token in listed if token.get("family_id")} == {"batch"}
    entries = (await call(gateway, "GET", "/audit")).json()["entries"]
    details = [entry["details"] for entry in entries if entry["subject"] == issued["token_id"]]
    assert details[0]["priority"] == "batch"


async def test_rate_of_a_token_needs_one_that_is_not_refreshed(gateway: Gateway) -> None:
    body = {"user_id": await make_user(gateway), "scopes": ["chat"], "token_requests_per_minute": 60}
    refused = await call(gateway, "POST", "/tokens", json=body | {"with_refresh": True})
    assert refused.status_code == 422
    assert "cannot have a refresh token" in refused.json()["detail"]


async def test_response_with_tokens_must_not_be_stored(gateway: Gateway) -> None:
    body = {"user_id": await make_user(gateway), "scopes": ["chat"]}
    response = await call(gateway, "POST", "/tokens", json=body)
    assert response.headers["cache-control"] == "no-store"


async def test_refresh_token_of_the_pair_can_be_exchanged(gateway: Gateway) -> None:
    issued = await issue(gateway, await make_user(gateway), with_refresh=True)
    assert issued["family_id"].startswith("fam_")
    body = {"grant_type": "refresh_token", "refresh_token": issued["refresh_token"]}
    response = await gateway.client.post("/auth/token", json=body)
    assert response.status_code == 200
    assert (await chat(gateway, response.json()["access_token"])).status_code == 200


@pytest.mark.parametrize(
    "fields",
    [
        {"scopes": []},
        {"scopes": ["root"]},
        {"scopes": ["chat", "chat"]},
        {"scopes": "chat"},
        {"lifetime_seconds": 0},
        {"lifetime_seconds": 90 * 86_400 + 1},
        {"user_id": "../x"},
        {"with_refresh": "yes"},
        {"token_requests_per_minute": 0},
    ],
)
async def test_token_that_cannot_be_issued_is_refused(gateway: Gateway, fields: dict[str, Any]) -> None:
    body = {"user_id": UNKNOWN_USER, "scopes": ["chat"]} | fields
    assert (await call(gateway, "POST", "/tokens", json=body)).status_code == 422


async def test_deleted_token_is_refused_at_once_and_others_are_not(gateway: Gateway) -> None:
    user_id = await make_user(gateway)
    deleted, other = await issue(gateway, user_id), await issue(gateway, user_id)
    assert (await call(gateway, "DELETE", f"/tokens/{deleted['token_id']}")).status_code == 204
    assert (await chat(gateway, deleted["access_token"])).json()["code"] == "token_revoked"
    assert (await chat(gateway, other["access_token"])).status_code == 200
    listed = (await call(gateway, "GET", "/tokens", params={"user_id": user_id})).json()["tokens"]
    assert {token["token_id"] for token in listed if "revoked_at" in token} == {deleted["token_id"]}
    assert (await audit_of(gateway))[-1] == ("usr_root", "token.revoke", deleted["token_id"])


@pytest.mark.parametrize("kind", ["token_id", "family_id", "user_id"])
async def test_revocation_ends_what_it_names(gateway: Gateway, kind: str) -> None:
    user_id = await make_user(gateway)
    issued = await issue(gateway, user_id, with_refresh=True)
    subject = {"user_id": user_id, **issued}[kind]
    response = await call(gateway, "POST", "/revocations", json={kind: subject})
    assert response.status_code == 204
    assert (await chat(gateway, issued["access_token"])).status_code == 401
    body = {"grant_type": "refresh_token", "refresh_token": issued["refresh_token"]}
    refreshed = await gateway.client.post("/auth/token", json=body)
    assert refreshed.status_code == (200 if kind == "token_id" else 400)
    action = f"{kind.removesuffix('_id')}.revoke"
    assert (await audit_of(gateway))[-1] == ("usr_root", action, subject)


@pytest.mark.parametrize(
    "body", [{}, {"token_id": "tok_1", "user_id": "usr_1"}, {"token_id": ""}, {"jti": "tok_1"}]
)
async def test_revocation_names_exactly_one_thing(gateway: Gateway, body: dict[str, str]) -> None:
    response = await call(gateway, "POST", "/revocations", json=body)
    assert response.status_code == 422


async def pages_of(gateway: Gateway, path: str, field: str, **params: Any) -> list[Any]:
    """All entries, two at a time."""
    found: list[Any] = []
    cursor: dict[str, Any] = {}
    while True:
        page = (await call(gateway, "GET", path, params=params | {"limit": 2} | cursor)).json()
        assert 0 < len(page[field]) <= 2
        found += page[field]
        if "next_cursor" not in page:
            return found
        cursor = {"cursor": page["next_cursor"]}


async def test_users_are_listed_by_name_in_pages(gateway: Gateway) -> None:
    for name in ("eve", "bob", "dan", "carol"):
        await make_user(gateway, name)
    found = await pages_of(gateway, "/users", "users")
    assert [user["name"] for user in found] == ["bob", "carol", "dan", "eve", "root"]


async def test_tokens_are_listed_newest_first_in_pages(gateway: Gateway) -> None:
    user_id = await make_user(gateway)
    issued = [(await issue(gateway, user_id))["token_id"] for _ in range(4)]
    found = await pages_of(gateway, "/tokens", "tokens", user_id=user_id)
    assert sorted(token["token_id"] for token in found) == sorted(issued)
    times = [token["issued_at"] for token in found]
    assert times == sorted(times, reverse=True)


async def test_audit_log_is_listed_newest_first_in_pages(gateway: Gateway) -> None:
    for name in ("bob", "carol", "dan"):
        await make_user(gateway, name)
    found = await pages_of(gateway, "/audit", "entries")
    assert [entry["details"]["name"] for entry in found] == ["dan", "carol", "bob"]


async def test_usage_is_shown_per_user_and_day(gateway: Gateway) -> None:
    now = datetime.now(UTC)
    for user_id, age in (("usr_a", 0), ("usr_a", 0), ("usr_b", 0), ("usr_a", 1), ("usr_a", 400)):
        at = now - timedelta(days=age)
        gateway.services.usage_writer.record(
            UsageRecord("req_1", at, user_id, "/chat", "scripted", 3, 2, 0, None, 1, "ok")
        )
    await gateway.services.usage_writer.flush()
    today, yesterday = now.date().isoformat(), (now - timedelta(days=1)).date().isoformat()
    found = await pages_of(gateway, "/usage", "usage")
    assert [(row["day"], row["user_id"], row["requests"]) for row in found] == [
        (today, "usr_a", 2),
        (today, "usr_b", 1),
        (yesterday, "usr_a", 1),
    ]
    assert (found[0]["prompt_tokens"], found[0]["completion_tokens"]) == (6, 4)
    of_a_day = await pages_of(gateway, "/usage", "usage", **{"from": yesterday, "to": yesterday})
    assert [row["user_id"] for row in of_a_day] == ["usr_a"]
    of_a_user = await pages_of(gateway, "/usage", "usage", user_id="usr_b")
    assert [row["day"] for row in of_a_user] == [today]


@pytest.mark.parametrize(
    "query",
    ["from=yesterday", "from=0", "to=2026-02-30", "limit=0", "limit=201", "cursor=x", "user_id=x"],
)
async def test_usage_with_an_invalid_parameter_is_refused(gateway: Gateway, query: str) -> None:
    response = await call(gateway, "GET", f"/usage?{query}")
    assert response.status_code == 422
    assert [error["field"] for error in response.json()["errors"]] == [query.partition("=")[0]]


async def test_usage_of_all_time_can_be_read(gateway: Gateway) -> None:
    response = await call(gateway, "GET", "/usage?from=0001-01-01&to=9999-12-31")
    assert response.json() == {"usage": []}


@pytest.mark.servers
async def test_routes_return_503_while_the_database_is_unavailable(
    postgres_server: PostgresServer, postgres_url: str, start_gateway: StartGateway
) -> None:
    gateway = await start_gateway(database_url=postgres_url)
    user_id = await make_user(gateway)
    access_token = (await issue(gateway, user_id))["access_token"]
    await asyncio.to_thread(postgres_server.stop)
    for method, path, body in (
        ("GET", "/users", None),
        ("POST", "/users", {"name": "carol"}),
        ("PATCH", f"/users/{user_id}", {"is_disabled": True}),
        ("POST", "/tokens", {"user_id": user_id, "scopes": ["chat"]}),
        ("POST", "/revocations", {"user_id": user_id}),
        ("GET", "/usage", None),
        ("GET", "/audit", None),
    ):
        options: dict[str, Any] = {"json": body} if body else {}
        response = await call(gateway, method, path, **options)
        assert (response.status_code, response.json()["code"]) == (503, "database_unavailable"), path
    assert (await chat(gateway, access_token)).status_code == 200
    await asyncio.to_thread(postgres_server.start)
    assert (await call(gateway, "GET", f"/users/{user_id}")).json()["is_disabled"] is False


async def test_openapi_document_needs_no_null(gateway: Gateway) -> None:
    document = (await gateway.client.get("/openapi.json")).json()
    shown: Callable[[Any], str] = str
    for path, operations in document["paths"].items():
        if path.startswith("/admin"):
            assert "anyOf" not in shown(operations), path
            assert "null" not in shown(operations), path
            for operation in operations.values():
                assert operation["operationId"]
                assert operation["summary"]
