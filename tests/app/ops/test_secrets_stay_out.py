"""Requests of every kind, their refusals and failures; afterwards nothing that they held is in the log."""

import asyncio
import base64
import io
import logging
from collections.abc import Callable

import pytest
from PIL import Image

from app.auth.sign_in_link import FRAGMENT, SignInLink
from app.auth.token_issuer import IssuedTokens, NewTokens, TokenIssuer
from app.ops.logging import JSONFormatter
from app.persistence.tables import UserRow

from ..gateway import Gateway

pytestmark = pytest.mark.anyio

SECRET = "s3cret"
PROMPT = f"prompt-{SECRET}"
QUERY = f"?q=query-{SECRET}"
HEADERS = {"X-Note": f"header-{SECRET}", "Cookie": f"cookie-{SECRET}", "User-Agent": f"agent-{SECRET}"}
REFUSED = 400
LOG_SECONDS = 10.0

ReadLog = Callable[[], str]


@pytest.fixture
def read_log(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> ReadLog:
    """All that was logged and printed; our own loggers say everything, others what they say when served."""
    caplog.handler.setFormatter(JSONFormatter())
    for name in ("app", "inference"):
        caplog.set_level(logging.DEBUG, name)
    caplog.set_level(logging.INFO, "uvicorn")

    def read() -> str:
        printed = capfd.readouterr()
        lines = [JSONFormatter().format(record) for record in caplog.records]
        return "\n".join([*lines, printed.out, printed.err])

    return read


def secret_photo() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (30, 40), "teal").save(file, "JPEG", comment=f"comment-{SECRET}".encode())
    return file.getvalue()


async def sign_in(gateway: Gateway) -> IssuedTokens:
    issuer = TokenIssuer(gateway.services.access_tokens, gateway.services.settings.auth)
    async with gateway.services.database.session() as db_session:
        user = await db_session.get_one(UserRow, "usr_alice")
        return await issuer.issue(db_session, user, NewTokens(["chat"], with_refresh=True))


async def until_logged(caplog: pytest.LogCaptureFixture, requests: int) -> None:
    """A request's line is written after its response was sent. Raises TimeoutError."""
    async with asyncio.timeout(LOG_SECONDS):
        while len(statuses(caplog)) < requests:  # noqa: ASYNC110 - it has no event of its own
            await asyncio.sleep(0.001)


def statuses(caplog: pytest.LogCaptureFixture) -> list[int]:
    return [vars(record)["status"] for record in caplog.records if record.name == "app.http.request_end"]


async def test_text_media_and_headers_stay_out_of_the_log(
    gateway: Gateway, caplog: pytest.LogCaptureFixture, read_log: ReadLog
) -> None:
    photo = secret_photo()
    encoded = base64.b64encode(photo).decode()
    broken = base64.b64encode(f"image-{SECRET}".encode()).decode()
    bodies: list[tuple[str, dict[str, object]]] = [
        ("/chat", {"prompt": PROMPT}),
        ("/chat", {"prompt": PROMPT, "stream": True}),
        ("/chat", {"prompt": PROMPT, "images": [encoded]}),
        ("/chat", {"prompt": PROMPT, "images": [broken]}),
        ("/chat", {"prompt": PROMPT, "max_tokens": f"field-{SECRET}"}),
        ("/chat", {"prompt": PROMPT, f"name-{SECRET}": 1}),
        ("/v1/chat/completions", {"model": SECRET, "messages": [{"role": "user", "content": PROMPT}]}),
        (f"/path-{SECRET}", {"prompt": PROMPT}),
    ]
    for path, body in bodies:
        await gateway.call("POST", path + QUERY, json=body, headers=HEADERS)
    for content in (photo, f"image-{SECRET}".encode()):
        files = {"image": (f"file-{SECRET}.jpg", content, "image/jpeg")}
        await gateway.call("POST", "/vision" + QUERY, files=files, data={"prompt": PROMPT}, headers=HEADERS)
    json_type = HEADERS | {"Content-Type": "application/json"}
    await gateway.call("POST", "/chat", content=f'{{"prompt": "{PROMPT}', headers=json_type)

    await until_logged(caplog, len(bodies) + 3)
    log = read_log()
    assert {200, 400, 404, 422} <= set(statuses(caplog))
    for secret in (SECRET, encoded[100:140], broken, *gateway.tokens.values()):
        assert secret not in log


async def test_failure_with_the_prompt_in_its_message_stays_out_of_the_log(
    gateway: Gateway, caplog: pytest.LogCaptureFixture, read_log: ReadLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(request: object) -> None:
        raise RuntimeError(repr(request))

    monkeypatch.setattr(gateway.services.backend, "generate", fail)
    for is_streamed in (False, True):
        await gateway.call("POST", "/chat", json={"prompt": PROMPT, "stream": is_streamed}, headers=HEADERS)
    await until_logged(caplog, 2)
    log = read_log()
    assert statuses(caplog) == [500, 500]
    assert "builtins.RuntimeError" in log
    assert SECRET not in log


async def test_sessions_of_the_page_stay_out_of_the_log(gateway: Gateway, read_log: ReadLog) -> None:
    ours = {"X-Gateway-Ops": "1"}
    link = SignInLink(gateway.services.settings.data_dir)
    secret = link.create("http://127.0.0.1").partition(FRAGMENT)[2]
    response = await gateway.client.post("/ops/session", headers=ours, json={"link": secret})
    assert response.status_code == 200
    session = gateway.client.cookies["gateway-ops"]
    for body in ({"link": secret}, {"link": f"1.{SECRET}"}, {"access_token": SECRET}):
        response = await gateway.client.post("/ops/session", headers=ours, json=body)
        assert response.status_code >= REFUSED
    await gateway.client.get("/ops/data" + QUERY)
    await gateway.client.delete("/ops/session", headers=ours)
    log = read_log()
    assert '"route":"/ops/session"' in log
    for kept in (secret.partition(".")[2], session, SECRET):
        assert kept not in log


async def test_tokens_stay_out_of_the_log(
    gateway: Gateway, caplog: pytest.LogCaptureFixture, read_log: ReadLog
) -> None:
    await gateway.headers()
    first = await sign_in(gateway)
    assert first.refresh_token is not None
    client, refresh = gateway.client, {"grant_type": "refresh_token", "refresh_token": first.refresh_token}
    second = (await client.post("/auth/token", json=refresh)).json()
    again = refresh | {"refresh_token": second["refresh_token"]}
    third = (await client.post("/auth/token", data=again)).json()
    await client.post("/auth/token", json=refresh)  # used twice: a thief's
    await client.post("/auth/token" + QUERY, json=refresh | {"refresh_token": f"rt_{SECRET}"})
    await client.post("/auth/revoke", json={"token": third["refresh_token"]})
    await client.post("/auth/revoke", json={"token": first.access_token})
    forged = f"{first.access_token[:-8]}AAAAAAAA"
    for wrong in (first.access_token, forged, f"{SECRET}.{SECRET}.{SECRET}", SECRET):
        headers = {"Authorization": f"Bearer {wrong}"}
        assert (await client.post("/chat", json={"prompt": PROMPT}, headers=headers)).status_code == 401
    for wrong in (f"Basic {SECRET}", f"Bearer {SECRET} {SECRET}"):
        await client.post("/chat", json={"prompt": PROMPT}, headers={"Authorization": wrong})

    log = read_log()
    assert {200, 400, 401} <= set(statuses(caplog))
    assert SECRET not in log
    access = (first.access_token, second["access_token"], third["access_token"], forged)
    refresh_tokens = (first.refresh_token, second["refresh_token"], third["refresh_token"])
    for secret in (*refresh_tokens, *(part for token in access for part in token.split(".")[1:])):
        assert secret not in log


async def test_requests_that_are_none_stay_out_of_the_log(gateway: Gateway, read_log: ReadLog) -> None:
    for bad in (
        f"{SECRET}\r\n\r\n",
        f"GET /{SECRET} HTTP/1.1\r\nBad {SECRET}\r\n\r\n",
        f"GET / HTTP/1.1\r\nX: {SECRET * 20_000}\r\n\r\n",
        f"GET /{SECRET} HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: {SECRET}\r\n\r\n",
    ):
        reader, writer = await gateway.connect()
        writer.write(bad.encode())
        status = (await reader.readline()).split()[1]
        assert int(status) >= REFUSED
        writer.close()
    log = read_log()
    assert "Invalid HTTP request received." in log
    assert SECRET not in log
