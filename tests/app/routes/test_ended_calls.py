"""A generation ends when its token is revoked or its user disabled, with a clear last word; others go on."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.admin.accounts import UserChanges, update_user
from app.auth.token_revocation import revoke_token, revoke_user
from app.errors import ShuttingDown
from tests.app.conftest import StartGateway
from tests.app.gateway import Gateway, parse_events

pytestmark = pytest.mark.anyio

MODEL = "scripted"
MESSAGES = [{"role": "user", "content": "hi"}]
LONG = {"reply": " ".join(["word"] * 2_000), "step_seconds": 0.02}  # 40 s, unless it is ended
SECONDS = 10.0
VOICE = Path(__file__).parents[3] / "samples" / "voice.m4a"


@pytest.fixture
async def gateway(start_gateway: StartGateway) -> Gateway:
    return await start_gateway(
        limits={"requests_per_minute": 10_000, "concurrent_requests": 100}, scripted=LONG
    )


async def token_of(gateway: Gateway, name: str = "alice") -> tuple[str, dict[str, str]]:
    """The token's id, and the header with it."""
    token = await gateway.issue(name)
    return gateway.services.access_tokens.verify(token).token_id, {"Authorization": f"Bearer {token}"}


async def end(gateway: Gateway, how: str, token_id: str) -> None:
    async with gateway.services.account_changes.transaction() as db_session:
        if how == "token":
            await revoke_token(db_session, token_id)
        elif how == "user":
            await revoke_user(db_session, "usr_alice")
        else:
            await update_user(db_session, "test", "usr_alice", UserChanges(is_disabled=True))


def chat(stream: bool) -> tuple[str, dict[str, Any]]:
    return "/chat", {"json": {"prompt": "hi", "max_tokens": 2_000, "stream": stream}}


def completion(stream: bool) -> tuple[str, dict[str, Any]]:
    body = {"model": MODEL, "messages": MESSAGES, "max_tokens": 2_000, "stream": stream}
    return "/v1/chat/completions", {"json": body}


async def until_running(gateway: Gateway, count: int = 1) -> None:
    async with asyncio.timeout(SECONDS):
        while gateway.services.backend.status().running < count:  # noqa: ASYNC110 - it has no event
            await asyncio.sleep(0.001)


async def stream_that_is_ended(
    gateway: Gateway, path: str, options: dict[str, Any], headers: dict[str, str], ending: Callable[[], Any]
) -> bytes:
    async with gateway.client.stream("POST", path, headers=headers, **options) as response:
        assert response.status_code == 200
        body = b""
        async for chunk in response.aiter_raw():
            if b"word" in body:
                await ending()
                ending = _nothing
            body += chunk
    return body


async def _nothing() -> None:
    return None


@pytest.mark.parametrize("how", ["token", "user", "disabled"])
async def test_native_stream_ends_with_an_error_event(gateway: Gateway, how: str) -> None:
    token_id, headers = await token_of(gateway)
    body = await stream_that_is_ended(
        gateway, *chat(stream=True), headers, lambda: end(gateway, how, token_id)
    )
    *deltas, last = parse_events(body)
    assert {event.name for event in deltas} == {"delta"}
    assert last.name == "error"
    assert int(last.number) == len(deltas) + 1
    assert (last.data["status"], last.data["code"]) == (401, "token_revoked")
    await gateway.until_idle()
    assert len(gateway.services.running_calls) == 0


async def test_openai_stream_ends_with_an_error_and_done(gateway: Gateway) -> None:
    token_id, headers = await token_of(gateway)
    body = await stream_that_is_ended(
        gateway, *completion(stream=True), headers, lambda: end(gateway, "token", token_id)
    )
    *_, error, done = parse_events(body)
    assert error.data["error"]["code"] == "token_revoked"
    assert error.data["error"]["type"] == "authentication_error"
    assert done.data == "[DONE]"
    await gateway.until_idle()
    assert len(gateway.services.running_calls) == 0


@pytest.mark.parametrize("make", [chat, completion])
async def test_whole_response_that_is_still_made_becomes_a_401(gateway: Gateway, make: Any) -> None:
    token_id, headers = await token_of(gateway)
    path, options = make(stream=False)
    asking = asyncio.create_task(gateway.client.post(path, headers=headers, **options))
    await until_running(gateway)
    await end(gateway, "token", token_id)
    response = await asking
    assert response.status_code == 401
    assert response.headers["www-authenticate"].startswith("Bearer")
    problem = response.json().get("error", response.json())
    assert problem["code"] == "token_revoked"
    await gateway.until_idle()
    assert len(gateway.services.running_calls) == 0


async def test_spoken_question_ends_while_it_is_transcribed(gateway: Gateway) -> None:
    token_id, headers = await token_of(gateway)
    files, data = {"audio": ("voice.m4a", VOICE.read_bytes())}, {"stream": "true"}
    async with gateway.client.stream("POST", "/speech", headers=headers, files=files, data=data) as response:
        assert response.status_code == 200
        await end(gateway, "token", token_id)
        body = await response.aread()
    (last,) = parse_events(body)
    assert (last.name, last.data["code"]) == ("error", "token_revoked")
    await gateway.until_idle()
    assert len(gateway.services.running_calls) == 0


async def test_upload_that_still_arrives_becomes_a_401(gateway: Gateway) -> None:
    token_id, headers = await token_of(gateway)
    reader, writer = await gateway.connect()
    writer.write(
        b"POST /chat HTTP/1.1\r\nHost: gateway\r\nContent-Type: application/json\r\nContent-Length: 100\r\n"
        b"Authorization: %b\r\n\r\n{" % headers["Authorization"].encode()
    )
    async with asyncio.timeout(SECONDS):
        while not len(gateway.services.running_calls):  # noqa: ASYNC110 - it has no event
            await asyncio.sleep(0.001)
        await end(gateway, "token", token_id)
        response = await reader.read()
    writer.close()
    assert response.startswith(b"HTTP/1.1 401 ")
    assert b'"token_revoked"' in response
    assert len(gateway.services.running_calls) == 0


async def test_other_users_and_other_tokens_go_on(gateway: Gateway) -> None:
    token_id, headers = await token_of(gateway)
    _, others = await token_of(gateway, "bob")
    _, second = await token_of(gateway)
    path, options = chat(stream=False)
    asking = [
        asyncio.create_task(gateway.client.post(path, headers=one, **options))
        for one in (headers, others, second)
    ]
    await until_running(gateway, 3)
    await end(gateway, "token", token_id)
    assert (await asking[0]).status_code == 401
    assert gateway.services.backend.status().running == 2
    await end(gateway, "disabled", token_id)
    assert (await asking[2]).status_code == 401
    assert len(gateway.services.running_calls) == 1
    gateway.services.running_calls.end_all(ShuttingDown)
    assert (await asking[1]).status_code == 503


async def test_change_by_another_process_ends_a_stream_at_the_next_poll(gateway: Gateway) -> None:
    token_id, headers = await token_of(gateway)
    loop = asyncio.get_running_loop()
    revoked_at = 0.0

    async def revoke_elsewhere() -> None:
        nonlocal revoked_at
        async with gateway.services.database.session() as db_session:
            await revoke_token(db_session, token_id)
        revoked_at = loop.time()

    body = await stream_that_is_ended(gateway, *chat(stream=True), headers, revoke_elsewhere)
    assert (
        loop.time() - revoked_at < 1.0 + SECONDS / 2
    )  # half a second for the poll; the rest is a busy machine
    assert list(parse_events(body))[-1].data["code"] == "token_revoked"


async def test_calls_end_with_a_503_when_the_gateway_has_drained(gateway: Gateway) -> None:
    _, headers = await token_of(gateway)
    path, options = chat(stream=False)
    asking = asyncio.create_task(gateway.client.post(path, headers=headers, **options))

    async def stop() -> None:
        gateway.services.running_calls.end_all(ShuttingDown)

    body = await stream_that_is_ended(gateway, *chat(stream=True), headers, stop)
    last = list(parse_events(body))[-1]
    assert (last.name, last.data["status"], last.data["code"]) == ("error", 503, "shutting_down")
    response = await asking
    assert (response.status_code, response.json()["code"]) == (503, "shutting_down")
    assert int(response.headers["retry-after"]) >= 1


async def test_nothing_is_left_of_calls_that_end_by_themselves(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(scripted={"reply": "one two"}, limits={"requests_per_minute": 4})
    _, headers = await token_of(gateway)

    async def post(**body: Any) -> httpx.Response:
        return await gateway.client.post("/chat", headers=headers, json=body)

    assert (await post(prompt="hi")).status_code == 200
    assert (await post(prompt="hi", stream=True)).status_code == 200
    assert (await post(prompt="hi", max_tokens=0)).status_code == 422
    assert (await post(prompt="hi", max_tokens=4_096)).status_code == 400
    assert (await post(prompt="hi")).status_code == 429
    assert len(gateway.services.running_calls) == 0


async def test_nothing_is_left_of_a_client_that_has_gone(gateway: Gateway) -> None:
    _, headers = await token_of(gateway)
    path, options = chat(stream=True)
    async with gateway.client.stream("POST", path, headers=headers, **options) as response:
        assert response.status_code == 200
        assert len(gateway.services.running_calls) == 1
    await gateway.until_idle()
    assert len(gateway.services.running_calls) == 0


async def test_client_that_does_not_read_is_cut_off(start_gateway: StartGateway) -> None:
    """Its generation would otherwise be held until the request's time is over."""
    gateway = await start_gateway(scripted={"reply": " ".join(["word" * 1_000] * 2_000)})  # 8 MB
    token_id, headers = await token_of(gateway)
    _reader, writer = await gateway.connect()
    body = json.dumps({"prompt": "hi", "max_tokens": 2_000, "stream": True}).encode()
    writer.write(
        b"POST /chat HTTP/1.1\r\nHost: gateway\r\nContent-Type: application/json\r\nContent-Length: %d\r\n"
        b"Authorization: %b\r\n\r\n%b" % (len(body), headers["Authorization"].encode(), body)
    )
    await until_running(gateway)
    said = -1
    while said != gateway.services.history.output_tokens:  # until no more fits on the way
        said = gateway.services.history.output_tokens
        await asyncio.sleep(0.1)
    assert gateway.services.backend.status().running == 1
    await end(gateway, "token", token_id)
    async with asyncio.timeout(SECONDS):
        await gateway.until_idle()
        while len(gateway.services.running_calls):  # noqa: ASYNC110 - it has no event
            await asyncio.sleep(0.001)
    writer.close()
