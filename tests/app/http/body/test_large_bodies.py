"""Bodies that are large or of a hostile shape: what comes of them, and what they leave behind. How long they
take others is measured by `benchmarks/bodies.py`."""

import asyncio
import base64
import contextlib
import io
import json
import os
import random
import time
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from PIL import Image

from app.http.guard import MAX_PUBLIC_BYTES
from app.schemas.generation import MAX_MESSAGES

from ...conftest import StartGateway
from ...gateway import Gateway
from ...shared_gateway import _leaves_no_task_running, _leaves_nothing_running, gateway, gateway_of_module

__all__ = ["_leaves_no_task_running", "_leaves_nothing_running", "gateway", "gateway_of_module"]

pytestmark = pytest.mark.anyio

JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def png(side: int = 700) -> bytes:
    """Noise: about 1.4 MB."""
    pixels = np.random.default_rng(1).integers(0, 256, (side, side, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


async def post(gateway: Gateway, path: str, content: bytes) -> Any:
    return await gateway.call("POST", path, content=content, headers=JSON)


def reply(response: Any) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


@pytest.mark.parametrize(
    ("beginning", "status"),
    [
        (b'{"messages":[' + b"[[]]," * 100_000, 422),
        (b"{" + b",".join(b'"%d":0' % n for n in range(50_000)), 422),
        (b"[" * 100_000, 400),
        (b'["' + b'","' * 50_000, 422),
        (b"[" + b'""' * 100_000, 400),
        (b"[0." + b"1" * 1_100_000, 422),
    ],
    ids=["lists", "names", "depth", "strings", "no commas", "digits"],
)
async def test_what_is_too_much_is_refused_before_the_body_is_whole(
    gateway: Gateway, beginning: bytes, status: int
) -> None:
    reader, writer = await gateway.connect()
    authorization = (await gateway.headers())["Authorization"]
    head = f"POST /chat HTTP/1.1\r\nHost: a\r\nAuthorization: {authorization}\r\n"
    writer.write(f"{head}Content-Type: application/json\r\nContent-Length: 20000000\r\n\r\n".encode())
    writer.write(beginning)
    assert (await reader.readline()).split()[1] == str(status).encode()
    writer.close()


async def test_an_image_in_json_is_the_same_as_in_a_form(gateway: Gateway) -> None:
    image = png()
    encoded = base64.b64encode(image).decode()
    chat = {"prompt": "x", "images": [encoded, f"data:image/png;base64,{encoded}"]}
    parts = [{"type": "text", "text": "x"}, {"type": "image_url", "image_url": {"url": encoded}}]
    completion = {"model": gateway.services.backend.model_card.name}
    completion |= {"messages": [{"role": "user", "content": parts}]}
    responses = [
        await gateway.call("POST", "/vision", files={"image": image}, data={"prompt": "x"}),
        await gateway.call("POST", "/chat", json=chat),
        await gateway.call("POST", "/v1/chat/completions", json=completion),
    ]
    assert [response.status_code for response in responses] == [200, 200, 200]


async def test_long_strings_that_are_not_files_are_refused_as_long_texts(gateway: Gateway) -> None:
    long = "x" * 1_000_000
    for path, body, field in (
        ("/chat", {"prompt": long}, "prompt"),
        ("/chat", {"prompt": "x", "stop": [long]}, "stop.0"),
        ("/chat", {"prompt": "x", "seed": long}, "seed"),
        ("/v1/chat/completions", {"model": "m", "messages": [{"role": "user", "content": long}]}, "content"),
    ):
        response = await post(gateway, path, orjson.dumps(body))
        assert response.status_code == 422
        assert field in response.text
        assert "at most 200000 characters" in response.text


async def test_a_text_may_be_longer_than_a_file(gateway: Gateway) -> None:
    text = "Say hello. 你好 \n" * 60_000
    model = gateway.services.backend.model_card.name
    for path, body in (
        ("/chat", {"prompt": text}),
        ("/chat", {"messages": [{"role": "user", "content": text}]}),
        ("/v1/chat/completions", {"model": model, "messages": [{"role": "user", "content": text}]}),
        ("/v1/responses", {"model": model, "input": text}),
    ):
        response = await post(gateway, path, orjson.dumps(body))
        assert response.status_code == 400
        assert "context_length_exceeded" in response.text


async def test_conversations_may_have_thousands_of_messages(gateway: Gateway) -> None:
    refusals = []
    for count in (MAX_MESSAGES, MAX_MESSAGES + 1):
        body = {"messages": [{"role": "user", "content": "x"}] * count}
        refusals.append(reply(await post(gateway, "/chat", orjson.dumps(body))))
    assert refusals == [(400, "context_length_exceeded"), (422, "invalid_request")]


async def test_what_a_client_wrote_is_not_sent_back_at_length(gateway: Gateway) -> None:
    for length in (150_000, 3_000_000):
        parts = [{"type": "t" * length}]
        body = {"model": "m", "messages": [{"role": "user", "content": parts}]}
        response = await post(gateway, "/v1/chat/completions", orjson.dumps(body))
        assert response.status_code == 422
        assert len(response.content) < 1000
        assert "object at" not in response.text


async def test_a_long_name_of_a_field_is_refused(gateway: Gateway) -> None:
    response = await post(gateway, "/chat", orjson.dumps({"n" * 1_000_000: 1, "prompt": "x"}))
    assert reply(response) == (422, "invalid_request")


async def test_a_long_field_that_openai_has_and_we_do_not_is_ignored(gateway: Gateway) -> None:
    body = {"model": gateway.services.backend.model_card.name, "metadata": {"a": "x" * 1_000_000}}
    body |= {"messages": [{"role": "user", "content": "x"}]}
    assert (await post(gateway, "/v1/chat/completions", orjson.dumps(body))).status_code == 200


@pytest.mark.parametrize("ending", ["?", "A==A", "\ud83d", "你"])
async def test_a_long_image_that_is_no_base64_is_refused(gateway: Gateway, ending: str) -> None:
    body = orjson.dumps({"prompt": "x", "images": ["A" * 1_000_000 + "@"]})
    response = await post(gateway, "/chat", body.replace(b"@", ending.encode(errors="surrogatepass")))
    assert reply(response) == (422, "invalid_media")


async def test_texts_that_are_long_together_are_refused(gateway: Gateway) -> None:
    response = await post(gateway, "/chat", orjson.dumps({"prompt": "x", "images": ["x" * 190_000] * 50}))
    assert reply(response) == (422, "invalid_request")


async def test_large_json_of_many_pieces_says_the_same_as_small(gateway: Gateway) -> None:
    characters = random.Random(2).choices('ab "\\\n打开😀[]{},:', k=60_000)
    texts = ["".join(characters[start : start + 100]) for start in range(0, 60_000, 100)]
    body = {"model": gateway.services.backend.model_card.name, "metadata": dict(enumerate(texts))}
    body |= {"messages": [{"role": "user", "content": texts[0]}]}
    for content in (json.dumps(body, ensure_ascii=False).encode(), json.dumps(body, indent=9).encode()):
        response = await post(gateway, "/v1/chat/completions", content)
        assert response.status_code == 200
        said = response.json()["choices"][0]["message"]["content"]
        assert said.split()[-3:] == texts[0].split()[-3:]


async def test_running_generation_holds_no_memory_for_its_files(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(scripted={"reply": "one two", "step_seconds": 30})
    image = png()
    for options in (
        {"files": {"image": image}, "data": {"prompt": "x"}},
        {"json": {"prompt": "x", "images": [base64.b64encode(image).decode()]}},
    ):
        asking = asyncio.create_task(gateway.call("POST", "/vision", **options))
        async with asyncio.timeout(30):
            while not gateway.services.backend.status().running:  # noqa: ASYNC110 - no event of its own
                await asyncio.sleep(0.001)
        shares = gateway.services.memory_budget.shares
        assert shares["bodies"].used_bytes + shares["arriving"].used_bytes < 10_000
        asking.cancel()
        await asyncio.wait([asking])
        await gateway.until_idle()


async def test_very_many_wrong_fields_are_one_error(gateway: Gateway) -> None:
    fields = orjson.dumps({f"field{number}": 0 for number in range(2000)})
    response = await post(gateway, "/chat", fields)
    assert reply(response) == (422, "invalid_request")
    assert "errors" not in response.json()


async def test_a_body_waits_for_memory(gateway: Gateway) -> None:
    budget = gateway.services.memory_budget
    with budget.claim(time.monotonic() + 30) as others:
        await others.reserve_body(budget.shares["bodies"].capacity_bytes)
        asking = asyncio.create_task(gateway.call("POST", "/chat", json={"prompt": "x"}))
        async with asyncio.timeout(30):
            while not budget.shares["bodies"].waiting:  # noqa: ASYNC110 - it has no event of its own
                await asyncio.sleep(0.001)
    assert (await asking).status_code == 200


async def test_a_body_without_memory_is_refused_at_its_deadline(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(request_timeout_seconds=1)
    budget = gateway.services.memory_budget
    with budget.claim(time.monotonic() + 30) as others:
        await others.reserve_body(budget.shares["bodies"].capacity_bytes)
        response = await gateway.call("POST", "/chat", json={"prompt": "x"})
    assert reply(response) == (503, "overloaded")
    assert int(response.headers["Retry-After"]) > 0


async def test_uploads_for_which_the_disk_has_no_room_are_refused(gateway: Gateway) -> None:
    budget = gateway.services.memory_budget
    with budget.claim(time.monotonic()) as others:
        assert others.try_to_spool(budget.shares["disk"].capacity_bytes)
        encoded = base64.b64encode(png()).decode()
        for response in (
            await gateway.call("POST", "/vision", files={"image": png()}, data={"prompt": "x"}),
            await gateway.call("POST", "/vision", json={"prompt": "x", "images": [encoded]}),
        ):
            assert reply(response) == (503, "storage_full")
            assert int(response.headers["Retry-After"]) > 0
        small = await gateway.call("POST", "/vision", files={"image": png(50)}, data={"prompt": "x"})
        assert small.status_code == 200


async def test_uploads_leave_no_file(gateway: Gateway) -> None:
    data_dir = gateway.services.settings.data_dir
    for image in (png(), os.urandom(1_000_000)):
        await gateway.call("POST", "/vision", files={"image": image}, data={"prompt": "x"})
        await gateway.call("POST", "/vision", files={"image": image})
    await gateway.until_idle()
    assert _open_without_name(data_dir) == []


def _open_without_name(directory: Path) -> list[str]:
    links = []
    for descriptor in os.listdir("/proc/self/fd"):
        with contextlib.suppress(FileNotFoundError):  # the directory's own
            links.append(os.readlink(f"/proc/self/fd/{descriptor}"))
    return [link for link in links if link.startswith(f"{directory}/") and link.endswith(" (deleted)")]


async def test_an_upload_is_a_file_without_a_name(gateway: Gateway) -> None:
    authorization = (await gateway.headers())["Authorization"]
    data_dir = gateway.services.settings.data_dir
    names = os.listdir(data_dir)
    _, writer = await gateway.connect()
    head = (
        f"POST /vision HTTP/1.1\r\nHost: a\r\nAuthorization: {authorization}\r\nContent-Length: 9999999\r\n"
    )
    writer.write(f"{head}Content-Type: multipart/form-data; boundary=BB\r\n\r\n".encode())
    part = b'--BB\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n'
    writer.write(part + b"x" * 1_000_000)
    async with asyncio.timeout(30):
        while not _open_without_name(data_dir):  # noqa: ASYNC110 - it has no event of its own
            await asyncio.sleep(0.001)
    assert os.listdir(data_dir) == names
    writer.close()
    await gateway.until_idle()
    async with asyncio.timeout(30):
        while _open_without_name(data_dir):  # noqa: ASYNC110 - likewise
            await asyncio.sleep(0.001)


@pytest.mark.parametrize(
    ("path", "headers"),
    [("/auth/token", JSON), ("/auth/revoke", FORM), ("/ops/session", JSON | {"X-Gateway-Ops": "1"})],
)
async def test_bodies_of_strangers_are_small(gateway: Gateway, path: str, headers: dict[str, str]) -> None:
    for length, status in ((MAX_PUBLIC_BYTES, (400, 422)), (MAX_PUBLIC_BYTES + 1, (413,))):
        response = await gateway.client.post(path, content=b"[" * length, headers=headers)
        assert response.status_code in status


@pytest.mark.parametrize("path", ["/auth/token", "/auth/revoke", "/ops/session"])
async def test_address_is_limited_before_the_body_of_a_stranger_is_read(
    start_gateway: StartGateway, path: str
) -> None:
    gateway = await start_gateway(limits={"auth_attempts_per_minute": 1})
    head = f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
    assert (await gateway.client.post(path, content=b"{}", headers=JSON)).status_code in (400, 403, 422)
    reader, writer = await gateway.connect()
    writer.write(f"{head}Content-Length: 100\r\n\r\n".encode())
    assert (await reader.readline()).split()[1] == b"429"
    writer.close()
