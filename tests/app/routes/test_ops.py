"""What the page at /ops stands on: its files, its session, its numbers."""

import re
from http.cookies import SimpleCookie
from pathlib import Path

import httpx
import pytest
from sqlalchemy import text

import app.ops
from app.admin.ops_sessions import NOTE
from app.auth.sign_in_link import FRAGMENT, SignInLink
from app.errors import GatewayError
from tests.app.conftest import StartGateway
from tests.app.gateway import Gateway

pytestmark = pytest.mark.anyio

OURS = {"X-Gateway-Ops": "1"}
FILES = [path for path in (Path(app.ops.__file__).parent / "page").rglob("*") if path.is_file()]


def new_link(gateway: Gateway) -> str:
    url = SignInLink(gateway.services.settings.data_dir).create("http://127.0.0.1:8000")
    return url.partition(FRAGMENT)[2]


async def sign_in(gateway: Gateway, headers: dict[str, str] = OURS, **body: str) -> httpx.Response:
    return await gateway.client.post("/ops/session", headers=headers, json=body)


async def sign_in_by_token(gateway: Gateway, scopes: str) -> None:
    response = await sign_in(gateway, access_token=await gateway.issue("root", scopes))
    assert response.status_code == 200, response.text


async def audit_of(gateway: Gateway) -> list[dict[str, object]]:
    headers = await gateway.headers("auditor", "admin")
    entries: list[dict[str, object]] = (await gateway.client.get("/admin/audit", headers=headers)).json()[
        "entries"
    ]
    return entries


# The page's files


async def test_the_page_may_load_and_run_nothing_but_its_own_files(gateway):
    response = await gateway.client.get("/ops")
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    policy = dict(
        directive.strip().split(" ", 1)
        for directive in response.headers["content-security-policy"].split(";")
    )
    assert policy["default-src"] == "'none'"
    assert policy["frame-ancestors"] == "'none'"
    assert policy["require-trusted-types-for"] == "'script'"
    assert {policy[name] for name in ("script-src", "style-src", "connect-src", "img-src")} == {"'self'"}
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["referrer-policy"] == "no-referrer"


async def test_every_file_that_is_named_is_served_with_its_type(gateway):
    html = (await gateway.client.get("/ops")).text
    named = set(re.findall(r'(?:src|href)="(/ops/assets/[^"]+)"', html))
    scripts = [path for path in FILES if path.suffix == ".js" and "vendor" not in path.parts]
    for script in scripts:
        for imported in re.findall(r'from "\./([^"]+)"', script.read_text()):
            named.add(f"/ops/assets/{imported}")
    assert len(named) > 8
    types = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
    for address in named:
        response = await gateway.client.get(address)
        assert response.status_code == 200, address
        assert response.headers["content-type"].partition(";")[0] == types[Path(address).suffix]
        assert response.headers["x-content-type-options"] == "nosniff"


async def test_an_unchanged_file_is_not_sent_again(gateway):
    first = await gateway.client.get("/ops/assets/main.js")
    again = await gateway.client.get("/ops/assets/main.js", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("path", ["nothing.js", "../metrics.py", "%2e%2e/metrics.py", "", "vendor"])
async def test_nothing_else_is_served(gateway, path):
    response = await gateway.client.get(f"/ops/assets/{path}")
    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"


# Signing in


async def test_the_link_signs_the_operator_in_once(gateway):
    link = new_link(gateway)
    response = await sign_in(gateway, link=link)
    assert response.status_code == 200
    assert response.json()["scopes"] == ["admin", "ops"]
    assert response.headers["cache-control"] == "no-store"
    cookie = SimpleCookie(response.headers["set-cookie"])["gateway-ops"]
    assert cookie["httponly"]
    assert (cookie["samesite"], cookie["path"], cookie["secure"]) == ("strict", "/ops", "")
    assert 0 < int(cookie["max-age"]) <= 12 * 3600
    assert cookie.value not in response.text
    assert (await gateway.client.get("/ops/session")).json() == response.json()

    gateway.client.cookies.clear()
    again = await sign_in(gateway, link=link)
    assert (again.status_code, again.json()["code"]) == (403, "invalid_sign_in_link")
    assert "set-cookie" not in again.headers
    entries = await audit_of(gateway)
    assert [(entry["actor"], entry["action"]) for entry in entries] == [
        ("sign-in link", "token.issue"),
        ("sign-in link", "user.create"),
    ]


async def test_over_https_the_cookie_is_bound_to_host_and_https(gateway):
    headers = OURS | {"X-Forwarded-Proto": "https"}
    response = await sign_in(gateway, headers, link=new_link(gateway))
    cookie = SimpleCookie(response.headers["set-cookie"])["__Host-gateway-ops"]
    assert cookie["secure"]
    assert (cookie["path"], cookie["domain"]) == ("/", "")
    plain = {"Cookie": f"gateway-ops={cookie.value}", "X-Forwarded-Proto": "https"}
    assert (await gateway.client.get("/ops/session", headers=plain)).status_code == 401


async def test_a_link_is_not_spent_when_nobody_can_be_signed_in(gateway):
    await sign_in(gateway, link=new_link(gateway))
    operator = (await gateway.client.get("/ops/session")).json()["user_id"]
    headers = await gateway.headers("root", "admin")
    changed = await gateway.client.patch(
        f"/admin/users/{operator}", headers=headers, json={"is_disabled": True}
    )
    assert changed.status_code == 200
    link = new_link(gateway)
    assert (await sign_in(gateway, link=link)).status_code == 409
    await gateway.client.patch(f"/admin/users/{operator}", headers=headers, json={"is_disabled": False})
    assert (await sign_in(gateway, link=link)).status_code == 200


async def test_a_pasted_token_needs_scope_ops(gateway):
    refused = await sign_in(gateway, access_token=await gateway.issue("root", "chat admin"))
    assert (refused.status_code, refused.json()["code"]) == (403, "insufficient_scope")
    assert "set-cookie" not in refused.headers
    await sign_in_by_token(gateway, "ops")
    assert (await gateway.client.get("/ops/data")).status_code == 200


@pytest.mark.parametrize(
    ("body", "status_code"),
    [
        ({"access_token": "nonsense"}, 401),
        ({"link": "1.nonsense"}, 403),
        ({"link": "nonsense"}, 422),
        ({"access_token": "x", "link": "1.x"}, 422),
        ({}, 422),
    ],
)
async def test_nothing_else_signs_in(gateway, body, status_code):
    assert (await sign_in(gateway, **body)).status_code == status_code
    assert not gateway.client.cookies


async def test_guessing_is_rate_limited(start_gateway: StartGateway):
    gateway = await start_gateway(limits={"auth_attempts_per_minute": 3})
    statuses = [(await sign_in(gateway, link=f"1.{attempt}")).status_code for attempt in range(5)]
    assert statuses == [403, 403, 403, 429, 429]
    assert (await sign_in(gateway, link=new_link(gateway))).status_code == 429


async def test_signing_out_ends_the_token_that_the_link_made(gateway):
    await sign_in(gateway, link=new_link(gateway))
    token = gateway.client.cookies["gateway-ops"]
    response = await gateway.client.delete("/ops/session", headers=OURS)
    assert response.status_code == 204
    assert not gateway.client.cookies
    headers = {"Authorization": f"Bearer {token}"}
    refused = await gateway.client.get("/ops/data", headers=headers)
    assert refused.json()["code"] == "token_revoked"


async def test_signing_out_leaves_a_pasted_token_alone(gateway):
    await sign_in_by_token(gateway, "ops")
    token = gateway.client.cookies["gateway-ops"]
    await gateway.client.delete("/ops/session", headers=OURS)
    headers = {"Authorization": f"Bearer {token}"}
    assert (await gateway.client.get("/ops/data", headers=headers)).status_code == 200


async def test_a_session_is_listed_and_revoked_like_any_token(gateway):
    await sign_in(gateway, link=new_link(gateway))
    tokens = (await gateway.client.get("/ops/admin/tokens")).json()["tokens"]
    (session,) = [token for token in tokens if token["note"] == NOTE]
    headers = await gateway.headers("root", "admin")
    await gateway.client.delete(f"/admin/tokens/{session['token_id']}", headers=headers)
    assert (await gateway.client.get("/ops/data")).json()["code"] == "token_revoked"


# Other sites


@pytest.mark.parametrize(
    "headers",
    [{}, OURS | {"Sec-Fetch-Site": "cross-site"}, OURS | {"Sec-Fetch-Site": "same-site"}],
    ids=["a form", "another site", "a neighbour"],
)
async def test_other_sites_can_neither_sign_in_nor_change_anything(gateway, headers):
    link = new_link(gateway)
    refused = await sign_in(gateway, headers, link=link)
    assert (refused.status_code, refused.json()["code"]) == (403, "cross_site_request")
    await sign_in(gateway, link=link)
    for method, path in (("POST", "/ops/admin/users"), ("DELETE", "/ops/session")):
        body = {"json": {"name": "mallory"}} if method == "POST" else {}
        response = await gateway.client.request(method, path, headers=headers, **body)
        assert (response.status_code, response.json()["code"]) == (403, "cross_site_request")
    users = (await gateway.client.get("/ops/admin/users")).json()["users"]
    assert "mallory" not in [user["name"] for user in users]


async def test_no_other_origin_is_ever_permitted_to_send_our_header(gateway):
    preflight = {
        "Origin": "https://evil.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "x-gateway-ops",
    }
    response = await gateway.client.options("/ops/admin/users", headers=preflight)
    assert response.status_code == 405
    assert not [name for name in response.headers if name.startswith("access-control-")]


async def test_the_cookie_opens_nothing_but_the_page(gateway):
    await sign_in(gateway, link=new_link(gateway))
    for path in ("/admin/users", "/me/usage", "/limits"):
        assert (await gateway.client.get(path, headers=OURS)).status_code == 401


# Numbers and administration


@pytest.mark.parametrize("path", ["/ops/data", "/ops/session", "/ops/admin/users", "/ops/admin/audit"])
async def test_nothing_is_shown_without_a_session(gateway, path):
    assert (await gateway.client.get(path)).status_code == 401
    headers = await gateway.headers("alice", "chat vision speech")
    assert (await gateway.client.get(path, headers=headers)).status_code == 403


async def test_administration_needs_scope_admin(gateway):
    await sign_in_by_token(gateway, "ops")
    for path in ("/ops/admin/users", "/ops/admin/tokens", "/ops/admin/audit"):
        assert (await gateway.client.get(path)).status_code == 403
    created = await gateway.client.post("/ops/admin/users", headers=OURS, json={"name": "bob"})
    assert created.status_code == 403


async def test_what_is_done_on_the_page_is_audited_under_its_name(gateway):
    await sign_in_by_token(gateway, "admin ops")
    created = await gateway.client.post("/ops/admin/users", headers=OURS, json={"name": "bob"})
    assert created.status_code == 201
    entry = (await audit_of(gateway))[0]
    assert (entry["actor"], entry["action"], entry["subject"]) == (
        "usr_root",
        "user.create",
        created.json()["id"],
    )


async def test_the_numbers_of_a_generation_and_a_refusal(start_gateway: StartGateway):
    gateway = await start_gateway(limits={"requests_per_minute": 1}, scripted={"reply": "a b c"})
    await gateway.call("POST", "/chat", json={"prompt": "hello"})
    await gateway.call("POST", "/chat", json={"prompt": "hello"})
    gateway.services.history.take_sample()
    headers = await gateway.headers("root", "ops")
    seen = (await gateway.client.get("/ops/data", headers=headers)).json()
    assert seen["status"] == {
        "level": "good",
        "title": "All is well",
        "sentence": seen["status"]["sentence"],
    }
    assert (seen["measures"]["requests"], seen["measures"]["success_rate"]) == (2, 1)
    assert seen["measures"]["ttft_level"] == "good"
    assert [(refusal["code"], refusal["count"]) for refusal in seen["refusals"]] == [
        ("rate_limit_exceeded", 1)
    ]
    assert seen["refusals"][0]["sentence"].startswith("Too many requests")
    (slowest,) = seen["slowest_users"]
    assert (slowest["name"], slowest["requests"], slowest["refused"], slowest["output_tokens"]) == (
        "alice",
        2,
        1,
        3,
    )
    assert {len(column) for column in seen["samples"].values()} == {1}
    assert seen["samples"]["tokens_per_second"][0] > 0
    assert seen["worker_samples"] == {"0": {"kv": [0], "memory": [None], "utilization": [None]}}
    later = await gateway.client.get(f"/ops/data?after={seen['samples']['at'][0]}", headers=headers)
    assert later.json()["samples"]["at"] == []
    assert later.json()["instance"] == seen["instance"]


async def test_an_idle_gateway_says_that_nobody_asked(gateway):
    headers = await gateway.headers("root", "ops")
    seen = (await gateway.client.get("/ops/data", headers=headers)).json()
    assert (seen["status"]["level"], seen["status"]["title"]) == ("idle", "No requests")
    assert seen["measures"]["success_rate"] is None


async def test_page_keeps_its_numbers_while_the_database_is_unavailable(gateway):
    await gateway.call("POST", "/chat", json={"prompt": "hello"})
    headers = await gateway.headers("root", "ops")
    async with gateway.services.database.session() as db_session:
        await db_session.execute(text("ALTER TABLE users RENAME TO elsewhere"))
    seen = (await gateway.client.get("/ops/data", headers=headers)).json()
    assert [(user["user_id"], user["name"]) for user in seen["slowest_users"]] == [("usr_alice", "")]


async def test_the_page_is_no_part_of_the_api_document(gateway):
    paths = (await gateway.client.get("/openapi.json")).json()["paths"]
    assert not [path for path in paths if path.startswith("/ops")]


def test_codes_of_refusals_have_one_sentence_each():
    codes = [error.code for error in _all(GatewayError) if "code" in vars(error)]
    assert len(set(codes)) == len(codes)


def _all(error: type[GatewayError]) -> list[type[GatewayError]]:
    return [error, *(child for subclass in error.__subclasses__() for child in _all(subclass))]
