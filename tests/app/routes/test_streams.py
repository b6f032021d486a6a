"""Recorded responses: resumed after a lost connection, fetched later, stopped, and nobody else's."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.auth.token_revocation import revoke_token
from app.errors import ShuttingDown

from ..conftest import StartGateway
from ..eventually import eventually
from ..gateway import Gateway, parse_events

pytestmark = pytest.mark.anyio

WORDS = " ".join(f"w{number}" for number in range(40))
LIMITS = {"requests_per_minute": 10_000, "concurrent_requests": 100}
SLOW = {"reply": WORDS, "step_seconds": 0.01}
ENDLESS = {"reply": " ".join(["word"] * 2_000), "step_seconds": 0.02}
VOICE = Path(__file__).parents[3] / "samples" / "voice.m4a"
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR42mP4//8/AAX+Av4N70a4AAAAAElFTkSuQmCC"
PREFER = {"Prefer": "resumable"}
OPENING = b":" + b" " * 509 + b"\n\n"

Asked = tuple[str, dict[str, Any]]


def chat(**fields: Any) -> Asked:
    return "/chat", {"json": {"prompt": "hi", "max_tokens": 2_000, "stream": True} | fields}


def completion(**headers: str) -> Asked:
    body = {"model": "scripted", "messages": [{"role": "user", "content": "hi"}], "stream": True}
    return "/v1/chat/completions", {"json": body, "headers": headers}


def response(**headers: str) -> Asked:
    body = {"model": "scripted", "input": "hi", "stream": True}
    return "/v1/responses", {"json": body, "headers": headers}


def vision() -> Asked:
    return "/vision", {"json": {"prompt": "hi", "images": [PIXEL], "stream": True, "resumable": True}}


def speech() -> Asked:
    files, data = {"audio": ("voice.m4a", VOICE.read_bytes())}, {"stream": "true", "resumable": "true"}
    return "/speech", {"files": files, "data": data}


def transcription() -> Asked:
    files, data = {"file": ("voice.m4a", VOICE.read_bytes())}, {"model": "scripted", "stream": "true"}
    return "/v1/audio/transcriptions", {"files": files, "data": data, "headers": PREFER}


async def read_until(gateway: Gateway, asked: Asked, enough: Callable[[bytes], bool]) -> tuple[str, bytes]:
    """Closes the connection when `enough` of the body is read. Returns the stream's id, and whole events."""
    path, options = asked
    headers = await gateway.headers() | options.get("headers", {})
    options = {name: value for name, value in options.items() if name != "headers"}
    async with gateway.client.stream("POST", path, headers=headers, **options) as response:
        assert response.status_code == 200, await response.aread()
        body = b""
        async for chunk in response.aiter_raw():
            body += chunk
            if enough(body):
                break
    await eventually(lambda: gateway.services.recordings.readers == 0)
    return response.headers["stream-id"], body[: body.rfind(b"\n\n") + 2].removeprefix(OPENING)


async def resume(gateway: Gateway, stream_id: str, after: str = "") -> bytes:
    response = await gateway.call(
        "GET", f"/streams/{stream_id}", headers={"Last-Event-ID": after} if after else {}
    )
    assert response.status_code == 200, response.content
    return response.content.removeprefix(OPENING)


def last_id(body: bytes) -> str:
    return list(parse_events(body))[-1].number


async def is_charged(gateway: Gateway, times: int) -> bool:
    await gateway.until_idle()
    writer = gateway.services.usage_writer
    await eventually(lambda: writer.written >= times)
    return writer.written == times and not writer.in_memory


@pytest.mark.parametrize(
    "asked",
    [
        chat(resumable=True),
        vision(),
        speech(),
        completion(**PREFER),
        response(**PREFER),
        transcription(),
    ],
    ids=["chat", "vision", "speech", "completions", "responses", "transcriptions"],
)
async def test_stream_goes_on_where_it_was_cut(start_gateway: StartGateway, asked: Asked) -> None:
    gateway = await start_gateway(limits=LIMITS, scripted=SLOW)
    stream_id, head = await read_until(gateway, asked, lambda body: body.count(b"data: ") >= 3)
    rest = await resume(gateway, stream_id, last_id(head))
    whole = await resume(gateway, stream_id)
    assert head + rest == whole
    numbers = [event.number for event in parse_events(whole)]
    assert numbers == [str(number) for number in range(1, len(numbers) + 1)]
    assert whole.count(b" w39") >= 1
    assert await is_charged(gateway, times=1)


async def test_two_readers_and_a_late_one_read_the_same(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(limits=LIMITS, scripted=SLOW)
    stream_id, _ = await read_until(gateway, chat(resumable=True), lambda body: b"w1" in body)
    first, second = await asyncio.gather(resume(gateway, stream_id), resume(gateway, stream_id, "3"))
    late = await resume(gateway, stream_id, "3")
    assert first.endswith(second)
    assert late == second
    assert await resume(gateway, stream_id, "10000") == b""


async def test_stream_that_is_not_cut_is_the_same_with_and_without(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(limits=LIMITS, scripted={"reply": WORDS})
    plain = await gateway.events("/chat", **chat()[1])
    resumable = await gateway.events("/chat", **chat(resumable=True)[1])
    assert [event.name for event in plain] == [event.name for event in resumable]
    assert [event.data for event in plain[:-1]] == [event.data for event in resumable[:-1]]
    assert await is_charged(gateway, times=2)


async def test_v1_has_numbers_only_if_asked(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(limits=LIMITS, scripted={"reply": "one two"})
    path, options = completion()
    plain = await gateway.call("POST", path, **options)
    assert b"id: " not in plain.content
    assert "stream-id" not in plain.headers
    path, options = completion(**PREFER)
    asked = await gateway.call("POST", path, **options)
    assert asked.headers["preference-applied"] == "resumable"
    assert [event.number for event in parse_events(asked.content)][-1] != ""
    assert list(parse_events(asked.content))[-1].data == "[DONE]"


async def test_stranger_and_unknown_ids_get_the_same_404(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(limits=LIMITS, scripted=SLOW)
    stream_id, _ = await read_until(gateway, chat(resumable=True), lambda body: b"w1" in body)
    bob = await gateway.headers("bob")
    for method in ("GET", "DELETE"):
        foreign = await gateway.client.request(method, f"/streams/{stream_id}", headers=bob)
        unknown = await gateway.client.request(method, "/streams/str_unknown", headers=bob)
        assert foreign.status_code == unknown.status_code == 404
        assert foreign.json()["code"] == unknown.json()["code"] == "stream_not_found"
        anonymous = await gateway.client.request(method, f"/streams/{stream_id}")
        assert anonymous.status_code == 401
    assert (await resume(gateway, stream_id)).endswith(b"\n\n")


async def test_last_event_id_must_be_a_number(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(limits=LIMITS, scripted=SLOW)
    stream_id, _ = await read_until(gateway, chat(resumable=True), lambda body: b"w1" in body)
    for wrong in ("x", "-1", "1.5", "9" * 30):
        refused = await gateway.call("GET", f"/streams/{stream_id}", headers={"Last-Event-ID": wrong})
        assert (refused.status_code, refused.json()["code"]) == (422, "invalid_request")


async def test_delete_stops_the_generation_and_tells_its_readers(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(limits=LIMITS, scripted=ENDLESS)
    stream_id, _ = await read_until(gateway, chat(resumable=True), lambda body: b"word" in body)
    reading = asyncio.create_task(resume(gateway, stream_id))
    await eventually(lambda: gateway.services.recordings.readers == 1)
    for _ in range(2):
        stopped = await gateway.call("DELETE", f"/streams/{stream_id}")
        assert (stopped.status_code, stopped.content) == (204, b"")
    last = list(parse_events(await reading))[-1]
    assert (last.name, last.data["code"]) == ("error", "stream_stopped")
    await gateway.until_idle()
    assert await resume(gateway, stream_id) == await reading


async def test_stream_without_a_reader_is_stopped(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(limits=LIMITS, scripted=ENDLESS, streams={"unread_seconds": 0.2})
    stream_id, _ = await read_until(gateway, chat(resumable=True), lambda body: b"word" in body)
    assert gateway.services.backend.status().running == 1
    await gateway.until_idle()
    last = list(parse_events(await resume(gateway, stream_id)))[-1]
    assert (last.name, last.data["code"]) == ("error", "stream_abandoned")


async def test_stream_that_is_not_resumable_ends_with_its_client(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(limits=LIMITS, scripted=ENDLESS)
    headers = await gateway.headers()
    async with gateway.client.stream("POST", "/chat", headers=headers, **chat()[1]) as response:
        assert "stream-id" not in response.headers
    await gateway.until_idle()
    assert gateway.services.recordings.count(ended=False) == 0


async def test_ended_recording_is_kept_for_a_while(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(limits=LIMITS, scripted={"reply": "one"}, streams={"kept_seconds": 0.2})
    path, options = chat(resumable=True)
    response = await gateway.call("POST", path, **options)
    stream_id = response.headers["stream-id"]
    await eventually(lambda: gateway.services.recordings.count(ended=True) == 0)
    assert (await gateway.call("GET", f"/streams/{stream_id}")).status_code == 404
    assert gateway.services.memory_budget.streams.used_bytes == 0


async def test_revoked_token_stops_its_recording_and_its_readers(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(limits=LIMITS, scripted=ENDLESS)
    makers, readers = await gateway.issue("alice"), await gateway.issue("alice")
    tokens = gateway.services.access_tokens
    gateway.tokens["alice chat vision speech"] = makers
    stream_id, _ = await read_until(gateway, chat(resumable=True), lambda body: b"word" in body)

    async def read() -> httpx.Response:
        headers = {"Authorization": f"Bearer {readers}"}
        return await gateway.client.get(f"/streams/{stream_id}", headers=headers)

    async def revoke(token: str) -> None:
        async with gateway.services.account_changes.transaction() as db_session:
            await revoke_token(db_session, tokens.verify(token).token_id)

    reading = asyncio.create_task(read())
    await eventually(lambda: gateway.services.recordings.readers == 1)
    await revoke(readers)
    last = list(parse_events((await reading).content))[-1]
    assert (last.name, last.number, last.data["code"]) == ("error", "", "token_revoked")
    assert gateway.services.backend.status().running == 1, "the other token's response goes on"
    assert (await read()).status_code == 401
    await revoke(makers)
    await gateway.until_idle()
    gateway.tokens.clear()
    last = list(parse_events(await resume(gateway, stream_id)))[-1]
    assert (last.name, last.data["code"]) == ("error", "token_revoked")


async def test_recordings_end_when_the_gateway_has_drained(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(limits=LIMITS, scripted=ENDLESS)
    stream_id, _ = await read_until(gateway, chat(resumable=True), lambda body: b"word" in body)
    reading = asyncio.create_task(resume(gateway, stream_id))
    await eventually(lambda: gateway.services.recordings.readers == 1)
    gateway.services.running_calls.end_all(ShuttingDown)
    last = list(parse_events(await reading))[-1]
    assert (last.name, last.data["code"]) == ("error", "shutting_down")
    await gateway.until_idle()


async def test_background_response_is_fetched_later(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(limits=LIMITS, scripted=SLOW, streams={"unread_seconds": 0})
    path, options = chat(stream=False, background=True)
    accepted = await gateway.call("POST", path, **options)
    assert accepted.status_code == 202
    stream_id = accepted.headers["stream-id"]
    assert accepted.json() == {"id": stream_id, "status": "in_progress"}
    assert accepted.headers["location"] == f"/streams/{stream_id}"
    fetched = await gateway.call("GET", accepted.headers["location"])
    assert fetched.status_code == 200
    assert fetched.json()["content"] == WORDS
    again = await gateway.call("GET", accepted.headers["location"])
    assert again.content == fetched.content
    assert await is_charged(gateway, times=1)


async def test_v1_and_streams_may_be_in_the_background(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(limits=LIMITS, scripted=SLOW)
    path, options = completion(Prefer="respond-async, resumable")
    accepted = await gateway.call("POST", path, **options)
    assert accepted.status_code == 202
    assert accepted.headers.get_list("preference-applied") == ["resumable", "respond-async"]
    whole = await resume(gateway, accepted.json()["id"])
    assert list(parse_events(whole))[-1].data == "[DONE]"


async def test_refusals_of_background_requests_are_statuses(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(limits=LIMITS | {"max_in_flight": 1}, scripted=ENDLESS)
    path, options = chat(background=True, max_tokens=4_096)
    refused = await gateway.call("POST", path, **options)
    assert (refused.status_code, refused.json()["code"]) == (400, "context_length_exceeded")
    path, options = chat(background=True)
    accepted = await gateway.call("POST", path, **options)
    assert accepted.status_code == 202
    full = await gateway.call("POST", path, **options)
    assert (full.status_code, full.json()["code"]) == (503, "overloaded")
    assert (await gateway.call("DELETE", accepted.headers["location"])).status_code == 204
    await gateway.until_idle()


async def test_stream_without_memory_is_not_resumable(start_gateway: StartGateway) -> None:
    bounds = {"max_user_bytes": 65_536}
    gateway = await start_gateway(limits=LIMITS, scripted=ENDLESS, streams=bounds)
    path, options = chat(background=True)
    responses = [await gateway.call("POST", path, **options) for _ in range(7)]
    accepted = [each.headers["location"] for each in responses if each.status_code == 202]
    assert 1 < len(accepted) < 7, "those that run do not give way"
    refused = responses[-1]
    assert (refused.status_code, refused.json()["code"]) == (503, "overloaded")
    headers = await gateway.headers()
    async with gateway.client.stream("POST", "/chat", headers=headers, **chat(resumable=True)[1]) as plain:
        assert plain.status_code == 200
        assert "stream-id" not in plain.headers
    bob = await gateway.headers("bob")
    others = chat(resumable=True, max_tokens=10)[1]
    assert "stream-id" in (await gateway.client.post("/chat", headers=bob, **others)).headers
    for location in accepted:
        assert (await gateway.call("DELETE", location)).status_code == 204
    await gateway.until_idle()


async def test_ended_responses_give_way_to_new_ones(start_gateway: StartGateway) -> None:
    bounds = {"max_user_bytes": 65_536}
    gateway = await start_gateway(limits=LIMITS, scripted={"reply": WORDS}, streams=bounds)
    path, options = chat(resumable=True)
    responses = [await gateway.call("POST", path, **options) for _ in range(16)]
    assert all(list(parse_events(each.content))[-1].name == "done" for each in responses)
    assert all("stream-id" in each.headers for each in responses)
    oldest, newest = (each.headers["stream-id"] for each in (responses[0], responses[-1]))
    assert (await gateway.call("GET", f"/streams/{oldest}")).status_code == 404
    assert (await resume(gateway, newest)).endswith(responses[-1].content[-100:])
    path, options = chat(stream=False, background=True)
    accepted = await gateway.call("POST", path, **options)
    assert (await gateway.call("GET", accepted.headers["location"])).json()["content"] == WORDS


async def test_readers_of_one_response_are_bounded(start_gateway: StartGateway) -> None:
    bounds = {"max_stream_bytes": 65_536}
    gateway = await start_gateway(limits=LIMITS, scripted=ENDLESS, streams=bounds)
    stream_id, _ = await read_until(gateway, chat(resumable=True), lambda body: b"word" in body)
    reading = asyncio.create_task(resume(gateway, stream_id))
    await eventually(lambda: gateway.services.recordings.readers == 1)
    refused = await gateway.call("GET", f"/streams/{stream_id}")
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_readers")
    assert refused.headers["retry-after"] == "1"
    assert (await gateway.call("DELETE", f"/streams/{stream_id}")).status_code == 204
    assert b"stream_stopped" in await reading
    assert b"stream_stopped" in await resume(gateway, stream_id), "its place is free again"


async def test_resumable_needs_a_stream(gateway: Gateway) -> None:
    path, options = chat(stream=False, resumable=True)
    refused = await gateway.call("POST", path, **options)
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_request")
    ignored = await gateway.call("POST", path, json={"prompt": "hi"}, headers=PREFER)
    assert ignored.status_code == 200
    assert "preference-applied" not in ignored.headers


@pytest.mark.servers
async def test_other_gateway_resumes_and_stops_streams(start_gateway: StartGateway, redis_url: str) -> None:
    options: dict[str, Any] = {"limits": LIMITS, "scripted": SLOW, "redis_url": redis_url}
    first = await start_gateway(**options)
    directory = first.services.settings.data_dir
    second = await start_gateway(
        database_url=f"sqlite+aiosqlite:///{directory / 'gateway.db'}",
        auth={"keys_dir": directory / "keys"},
        **options,
    )
    second.tokens = first.tokens
    stream_id, head = await read_until(first, chat(resumable=True), lambda body: body.count(b"data: ") >= 3)
    async with asyncio.timeout(10):
        while (await second.call("GET", f"/streams/{stream_id}")).status_code == 404:
            pass
    rest = await resume(second, stream_id, last_id(head))
    assert head + rest == await resume(second, stream_id) == await resume(first, stream_id)
    bob = await second.headers("bob")
    assert (await second.client.get(f"/streams/{stream_id}", headers=bob)).status_code == 404
    assert await is_charged(first, times=1)
    assert second.services.usage_writer.written == 0

    path, body = chat(background=True)
    accepted = await first.call("POST", path, **body)
    reading = asyncio.create_task(resume(second, accepted.json()["id"]))
    await eventually(lambda: second.services.recordings.readers == 1)
    assert (await second.call("DELETE", accepted.headers["location"])).status_code == 204
    last = list(parse_events(await reading))[-1]
    assert (last.name, last.data["code"]) == ("error", "stream_stopped")


async def test_log_has_one_line_per_request_and_usage_once(
    start_gateway: StartGateway, caplog: pytest.LogCaptureFixture
) -> None:
    gateway = await start_gateway(limits=LIMITS, scripted=SLOW)
    caplog.set_level("INFO", "app.http.request_end")
    stream_id, head = await read_until(gateway, chat(resumable=True), lambda body: b"w1" in body)
    await resume(gateway, stream_id, last_id(head))
    await eventually(lambda: len(_request_lines(caplog)) == 2)
    made, read = sorted(_request_lines(caplog), key=lambda line: line["route"])
    assert (made["route"], made["outcome"], made["completion_tokens"]) == ("/chat", "ok", 40)
    assert (read["route"], read["outcome"]) == ("/streams/{stream_id}", "ok")
    assert "model" not in read
    assert stream_id not in str([made, read])


def _request_lines(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    return [vars(record) for record in caplog.records if record.message == "request"]
