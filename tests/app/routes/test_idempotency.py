"""A request with an Idempotency-Key runs once, is charged once, and every retry gets the same bytes."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from testbed.servers import PostgresServer

from ..conftest import StartGateway
from ..eventually import eventually
from ..gateway import Gateway, parse_events, running_gateway
from ..recording_backend import record_requests

pytestmark = pytest.mark.anyio

KEY = "8e03978e-40d5-43e8-bc93-6894a57f9324"
LIMITS = {"requests_per_minute": 10_000, "concurrent_requests": 100}
SECRET = "the words of the response"
WORDS = " ".join(f"w{number}" for number in range(40))
SLOW = {"reply": WORDS, "step_seconds": 0.01}
VOICE = Path(__file__).parents[3] / "samples" / "voice.m4a"
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR42mP4//8/AAX+Av4N70a4AAAAAElFTkSuQmCC"
MESSAGES = [{"role": "user", "content": "hi"}]

Asked = tuple[str, Callable[[], dict[str, Any]]]  # made anew for each attempt, as a client does


def asked(path: str, **body: Any) -> Asked:
    return path, lambda: {"json": body}


def form(path: str, file: str, **fields: str) -> Asked:
    return path, lambda: {"files": {file: ("voice.m4a", VOICE.read_bytes())}, "data": fields}


CHAT = asked("/chat", prompt="hi", max_tokens=2_000)
STREAM = asked("/chat", prompt="hi", max_tokens=2_000, stream=True)
REQUESTS: dict[str, Asked] = {
    "chat": CHAT,
    "streamed chat": STREAM,
    "vision": asked("/vision", prompt="hi", images=[PIXEL]),
    "speech": form("/speech", "audio", stream="true"),
    "completion": asked("/v1/chat/completions", model="scripted", messages=MESSAGES),
    "streamed completion": asked("/v1/chat/completions", model="scripted", messages=MESSAGES, stream=True),
    "response": asked("/v1/responses", model="scripted", input="hi", stream=True),
    "transcription": form("/v1/audio/transcriptions", "file", model="scripted"),
}


async def send(gateway: Gateway, request: Asked = CHAT, key: str = KEY, **headers: str) -> httpx.Response:
    path, make = request
    return await gateway.call("POST", path, headers={"Idempotency-Key": key} | headers, **make())


def is_replayed(response: httpx.Response) -> bool:
    return response.headers.get("idempotency-replayed") == "true"


async def charged(gateway: Gateway) -> int:
    """Rows of usage."""
    await gateway.until_idle()
    writer = gateway.services.usage_writer
    await writer.flush()
    return writer.written


def bytes_below(directory: Path) -> bytes:
    return b"".join(path.read_bytes() for path in directory.rglob("*") if path.is_file())


@pytest.mark.parametrize("name", REQUESTS)
async def test_retry_gets_the_same_bytes_and_runs_nothing(start_gateway: StartGateway, name: str) -> None:
    gateway = await start_gateway(limits=LIMITS, scripted={"reply": SECRET})
    generated = record_requests(gateway)
    first, second = await send(gateway, REQUESTS[name]), await send(gateway, REQUESTS[name])
    assert (first.status_code, is_replayed(first)) == (200, False), first.content
    assert (second.status_code, is_replayed(second)) == (200, True)
    assert second.content == first.content
    assert second.headers["content-type"] == first.headers["content-type"]
    assert "ratelimit" in first.headers
    assert "ratelimit" not in second.headers
    assert await charged(gateway) == 1
    one = len(generated)
    await send(gateway, REQUESTS[name], key="another-key")
    assert len(generated) == 2 * one


async def test_of_many_concurrent_requests_one_runs_for_each_key(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(
        limits={"requests_per_minute": 6, "concurrent_requests": 6, "max_in_flight": 6},
        scripted={"reply": "one two three four", "step_seconds": 0.02},
    )
    generated = record_requests(gateway)
    keys = [f"key-{number % 6}" for number in range(48)]
    responses = await asyncio.gather(*(send(gateway, STREAM, key) for key in keys))
    assert {response.status_code for response in responses} == {200}
    assert len(generated) == 6
    bodies = {(key, response.content) for key, response in zip(keys, responses, strict=True)}
    assert len(bodies) == 6
    assert sum(map(is_replayed, responses)) == 42
    assert await charged(gateway) == 6


async def test_stream_that_is_cut_is_whole_on_retry_and_charged_once(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(limits=LIMITS, scripted=SLOW)
    path, make = STREAM
    headers = await gateway.headers() | {"Idempotency-Key": KEY}
    async with gateway.client.stream("POST", path, headers=headers, **make()) as response:
        assert response.status_code == 200
        async for chunk in response.aiter_raw():
            if b"w3" in chunk:
                break
    again = await send(gateway, STREAM)
    after_its_end = await send(gateway, STREAM)
    assert again.content == after_its_end.content
    text = "".join(event.data.get("text", "") for event in parse_events(again.content))
    assert text == WORDS
    assert await charged(gateway) == 1
    results = gateway.services.single_runs.keys.results
    assert results == {"first": 1, "attached": 1, "replayed": 1}


async def test_whole_response_whose_client_has_gone_is_there_on_retry(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(limits=LIMITS, scripted=SLOW)
    _, writer = await gateway.connect()
    body = json.dumps(CHAT[1]()["json"]).encode()
    authorization = (await gateway.headers())["Authorization"]
    head = f"POST /chat HTTP/1.1\r\nHost: x\r\nAuthorization: {authorization}\r\nIdempotency-Key: {KEY}\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)
    await eventually(lambda: len(gateway.services.running_calls) == 1)
    writer.close()
    response = await send(gateway)
    assert response.json()["content"] == WORDS
    assert is_replayed(response)
    assert await charged(gateway) == 1


async def test_rebuilt_body_is_the_same_and_another_one_is_refused(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(limits=LIMITS, scripted={"reply": SECRET})
    first = await send(gateway, asked("/chat", prompt="hi", max_tokens=9))
    rebuilt = await send(gateway, asked("/chat", max_tokens=9, prompt="hi"))
    assert rebuilt.content == first.content
    for other in (asked("/chat", prompt="ho", max_tokens=9), asked("/vision", prompt="hi", images=[PIXEL])):
        refused = await send(gateway, other)
        assert (refused.status_code, refused.json()["code"]) == (422, "idempotency_key_reused")
    openai = await send(gateway, REQUESTS["completion"])
    assert openai.json()["error"]["code"] == "idempotency_key_reused"
    assert await charged(gateway) == 1


async def test_other_body_is_refused_while_the_first_runs(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(limits=LIMITS, scripted=SLOW)
    first = asyncio.create_task(send(gateway))
    await eventually(lambda: gateway.services.backend.status().running == 1)
    refused = await send(gateway, asked("/chat", prompt="ho"))
    assert refused.json()["code"] == "idempotency_key_reused"
    assert (await first).status_code == 200


async def test_key_of_another_user_is_independent(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(limits=LIMITS, scripted={"reply": SECRET})
    first = await send(gateway)
    bob = await gateway.headers("bob")
    other = await gateway.client.post("/chat", json={"prompt": "ho"}, headers=bob | {"Idempotency-Key": KEY})
    assert other.status_code == 200
    assert not is_replayed(other)
    assert (await send(gateway)).content == first.content


@pytest.mark.parametrize("key", ["", "a b", "k" * 256, '"open'])
async def test_malformed_key_is_refused(gateway: Gateway, key: str) -> None:
    response = await send(gateway, key=key)
    assert (response.status_code, response.json()["code"]) == (400, "invalid_idempotency_key")


async def test_refused_request_releases_its_key_and_costs_nothing(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(limits={"requests_per_minute": 2, "concurrent_requests": 1})
    invalid = asked("/chat", prompt="hi", max_tokens=-1)
    responses = [await send(gateway, invalid) for _ in range(2)]
    assert [response.status_code for response in responses] == [422, 422]
    assert not any(map(is_replayed, responses))
    assert (await send(gateway)).status_code == 429
    assert await charged(gateway) == 0
    assert not gateway.services.single_runs.keys.unstored


async def test_replay_uses_no_limit(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(limits={"requests_per_minute": 1, "concurrent_requests": 1})
    statuses = [(await send(gateway)).status_code for _ in range(3)]
    assert statuses == [200, 200, 200]
    assert (await gateway.call("POST", "/chat", json={"prompt": "hi"})).status_code == 429


async def test_stream_that_fails_releases_its_key(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(
        limits=LIMITS,
        scripted=SLOW | {"reply": WORDS * 20},
        request_timeout_seconds=1,
        streams={"unread_seconds": 0},
    )
    path, make = STREAM
    headers = await gateway.headers() | {"Idempotency-Key": KEY}
    async with gateway.client.stream("POST", path, headers=headers, **make()) as response:
        async for _ in response.aiter_raw():
            break
    await gateway.until_idle()
    assert not is_replayed(await send(gateway, STREAM))


async def test_request_in_the_background_is_accepted_once(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(limits=LIMITS, scripted=SLOW)
    request = asked("/chat", prompt="hi", background=True)
    first, second = await send(gateway, request), await send(gateway, request)
    assert (first.status_code, second.status_code) == (202, 202)
    assert second.json()["id"] == first.json()["id"]
    whole = await gateway.call("GET", first.headers["location"])
    late = await send(gateway, request)
    assert late.content == whole.content
    assert await charged(gateway) == 1


async def test_large_body_is_kept_on_disk_and_only_so_many_at_once(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(limits={"requests_per_minute": 10, "concurrent_requests": 1})
    picture = VOICE.read_bytes() + bytes(600_000)
    request: Asked = ("/speech", lambda: {"files": {"audio": ("a", picture)}})
    response = await send(gateway, request)
    plain = await gateway.call("POST", "/speech", **request[1]())
    assert response.status_code == plain.status_code
    with gateway.services.upload_slots.claim("usr_alice", 1) as slot:
        slot.take()
        refused = await send(gateway, request, key="another-key")
    assert refused.json()["code"] == "concurrency_limit_exceeded"


async def test_operators_issue_once(start_gateway: StartGateway) -> None:
    gateway = await start_gateway()
    admin = await gateway.headers("root", "admin") | {"Idempotency-Key": KEY}
    users = [await gateway.client.post("/admin/users", json={"name": "carol"}, headers=admin) for _ in "12"]
    assert [user.status_code for user in users] == [201, 201]
    assert users[0].content == users[1].content
    body = {"user_id": users[0].json()["id"], "scopes": ["chat"], "with_refresh": True}
    admin |= {"Idempotency-Key": "another-key"}
    issued = await asyncio.gather(
        *(gateway.client.post("/admin/tokens", json=body, headers=admin) for _ in range(5))
    )
    assert {response.status_code for response in issued} == {201}
    assert len({response.json()["access_token"] for response in issued}) == 1
    revoke = {"token_id": issued[0].json()["token_id"]}
    admin |= {"Idempotency-Key": "third-key"}
    revoked = [await gateway.client.post("/admin/revocations", json=revoke, headers=admin) for _ in "12"]
    assert [(response.status_code, is_replayed(response)) for response in revoked] == [
        (204, False),
        (204, True),
    ]
    listed = await gateway.client.get(f"/admin/tokens?user_id={body['user_id']}", headers=admin)
    assert len(listed.json()["tokens"]) == 1


async def test_nothing_readable_is_in_the_database(tmp_path: Path) -> None:
    async with running_gateway(tmp_path, scripted={"reply": SECRET}, limits=LIMITS) as gateway:
        await send(gateway, asked("/chat", prompt="the words of the request"))
        token = gateway.tokens["alice chat vision speech"]
    stored = bytes_below(tmp_path)
    assert b"idempotency_keys" in stored
    for secret in (SECRET, "the words of the request", KEY, token):
        assert secret.encode() not in stored


@pytest.mark.parametrize(("responses", "status"), [("encrypted", 201), ("none", 409)])
async def test_issued_tokens_are_stored_encrypted_or_not_at_all(
    tmp_path: Path, responses: str, status: int
) -> None:
    async with running_gateway(tmp_path, idempotency={"responses": responses}) as gateway:
        admin = await gateway.headers("root", "admin") | {"Idempotency-Key": KEY}
        await gateway.issue("carol")
        body = {"user_id": "usr_carol", "scopes": ["chat"], "with_refresh": True}
        first, again = [await gateway.client.post("/admin/tokens", json=body, headers=admin) for _ in "12"]
        async with gateway.services.database.session(read_only=True) as db_session:
            stored = await db_session.scalar(text("SELECT response FROM idempotency_keys"))
    assert (first.status_code, again.status_code) == (201, status)
    assert (stored is None) == (responses == "none")
    if responses == "none":
        assert again.json()["code"] == "response_not_stored"
    else:
        assert again.content == first.content
    kept = bytes_below(tmp_path)
    for secret in (first.json()["access_token"], first.json()["refresh_token"]):
        assert secret.encode() not in kept
        assert secret.encode() not in (stored or b"")


async def test_response_survives_a_restart(tmp_path: Path, postgres_url: str) -> None:
    for url in (None, postgres_url):
        directory = tmp_path / ("sqlite" if url is None else "postgresql")
        directory.mkdir()
        settings = {"scripted": {"reply": SECRET}, "limits": LIMITS, "database_url": url}
        async with running_gateway(directory, **settings) as gateway:
            first = await send(gateway, STREAM)
        async with running_gateway(directory, **settings) as gateway:
            second = await gateway.client.post(
                "/chat",
                headers=await gateway.headers() | {"Idempotency-Key": KEY},
                json=STREAM[1]()["json"],
            )
            assert second.content == first.content
            assert is_replayed(second)
            assert await charged(gateway) == 0


@pytest.mark.servers
async def test_without_a_database_requests_with_a_key_wait_and_others_work(
    tmp_path: Path, postgres_server: PostgresServer, postgres_url: str
) -> None:
    async with running_gateway(tmp_path, limits=LIMITS, database_url=postgres_url) as gateway:
        await gateway.headers()
        postgres_server.stop()
        refused = await send(gateway)
        assert (refused.status_code, refused.json()["code"]) == (503, "idempotency_unavailable")
        assert int(refused.headers["retry-after"]) > 0
        assert (await gateway.call("POST", "/chat", json={"prompt": "hi"})).status_code == 200
        postgres_server.start()

        async def works_again() -> bool:
            return (await send(gateway)).status_code == 200

        await _until(works_again)


async def test_another_process_learns_that_the_key_is_in_use(tmp_path: Path, postgres_url: str) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    for directory in (one, other):
        directory.mkdir()
    settings = {"scripted": SLOW, "limits": LIMITS, "database_url": postgres_url}
    async with running_gateway(one, **settings) as first, running_gateway(other, **settings) as second:
        running = asyncio.create_task(send(first))
        await eventually(lambda: first.services.backend.status().running == 1)
        headers = await second.headers() | {"Idempotency-Key": KEY}
        refused = await second.client.post("/chat", headers=headers, **CHAT[1]())
        assert (refused.status_code, refused.json()["code"]) == (409, "idempotency_key_in_use")
        assert refused.headers["retry-after"] == "1"
        whole = await running
        replayed = await second.client.post("/chat", headers=headers, **CHAT[1]())
        assert replayed.content == whole.content
        assert await charged(first) + await charged(second) == 1


@pytest.mark.servers
async def test_another_process_reads_the_running_response_through_redis(
    tmp_path: Path, postgres_url: str, redis_url: str
) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    for directory in (one, other):
        directory.mkdir()
    settings = {"scripted": SLOW, "limits": LIMITS, "database_url": postgres_url, "redis_url": redis_url}
    async with running_gateway(one, **settings) as first, running_gateway(other, **settings) as second:
        running = asyncio.create_task(send(first, STREAM))
        await eventually(lambda: first.services.backend.status().running == 1)
        headers = await second.headers() | {"Idempotency-Key": KEY}
        attached = await second.client.post("/chat", headers=headers, **STREAM[1]())
        assert (attached.status_code, is_replayed(attached)) == (200, True), attached.content
        assert attached.content == (await running).content
        assert await charged(first) + await charged(second) == 1
        assert second.services.single_runs.keys.results == {"attached": 1}


async def _until(check: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(20):
        while not await check():  # noqa: ASYNC110 - there is no event
            await asyncio.sleep(0.05)
