"""Requests made to leak, to crash, or to cost more than they should."""

import re
from typing import Any

import orjson
import pytest

from ..conftest import StartGateway
from ..gateway import Gateway
from ..shared_gateway import _leaves_no_task_running, _leaves_nothing_running, gateway, gateway_of_module
from ..spoken import wav

__all__ = ["_leaves_no_task_running", "_leaves_nothing_running", "gateway", "gateway_of_module"]
from .test_bad_input import JSON
from .test_chat import jpeg
from .test_openai import body

pytestmark = pytest.mark.anyio

INSIDES = re.compile(r"0x[0-9a-f]{6,}|function|functools|Traceback|site-packages|/app/|pydantic|sqlalchemy")


@pytest.mark.parametrize(
    "content",
    [
        "",
        5,
        None,
        {},
        [],
        [5],
        [{"type": "video"}],
        [{"type": "text"}],
        [{"type": "image_url", "image_url": 5}],
    ],
)
async def test_wrong_content_of_a_message_is_refused_without_our_insides(
    gateway: Gateway, content: Any
) -> None:
    response = await gateway.call("POST", "/v1/chat/completions", json=body(content))
    assert response.status_code == (200 if content == "" else 422)
    assert not INSIDES.search(response.text)


@pytest.mark.parametrize(
    ("calls", "arguments"),
    [
        (1, '{"a": [' + "[]," * 61_000 + "1]}"),
        (1, '{"a": ["' + '"' * 61_000 * 2 + '"]}'),
        (32, '{"a": [' + "1," * 2_000 + "1]}"),
    ],
    ids=["containers", "strings", "many calls"],
)
async def test_arguments_of_calls_that_have_very_many_values_are_not_parsed(
    gateway: Gateway, calls: int, arguments: str
) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": arguments}}
    assistant = {"role": "assistant", "tool_calls": [call] * calls}
    request = body("hi") | {"messages": [{"role": "user", "content": "hi"}, assistant]}
    response = await gateway.call("POST", "/v1/chat/completions", json=request)
    assert response.status_code == 422
    assert "strings, commas and opening brackets" in response.text
    item = {"type": "function_call", "call_id": "c1", "name": "f", "arguments": arguments}
    request = {"model": request["model"], "input": [item] * calls}
    response = await gateway.call("POST", "/v1/responses", json=request)
    assert response.status_code == 422
    assert "strings, commas and opening brackets" in response.text


async def test_arguments_of_calls_may_have_long_texts_with_commas_and_brackets(gateway: Gateway) -> None:
    arguments = orjson.dumps({"text": 'a, [b], {"c": "d"}, \\' * 10_000}).decode()
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": arguments}}
    assistant = {"role": "assistant", "tool_calls": [call]}
    request = body("hi") | {"messages": [{"role": "user", "content": "hi"}, assistant]}
    response = await gateway.call("POST", "/v1/chat/completions", json=request)
    assert response.status_code == 200


async def test_schema_in_a_text_that_has_very_many_values_is_not_parsed(gateway: Gateway) -> None:
    request = body("hi") | {"guided_json": '{"enum": [' + "[]," * 61_000 + "1]}"}
    response = await gateway.call("POST", "/v1/chat/completions", json=request)
    assert (response.status_code, response.json()["error"]["param"]) == (400, "guided_json")
    assert response.json()["error"]["message"].endswith("send a JSON schema, or its text")


@pytest.mark.parametrize("name", ["a\nb", "<script>", "ключ", "a" * 500, "function[x at 0x7f00deadbeef]"])
async def test_odd_field_names_are_not_repeated(gateway: Gateway, name: str) -> None:
    response = await gateway.call("POST", "/chat", json={"prompt": "a", name: 1})
    assert response.status_code == 422
    assert response.json()["errors"][0]["field"] == "?"
    assert name not in response.text


@pytest.mark.parametrize(
    "values",
    [
        {"prompt": "x", "images": [1] * 100_000},
        {"prompt": "x"} | {f"field{number}": 1 for number in range(30_000)},
        {"messages": [{"role": "user", "content": "x"} | {f"f{n}": n for n in range(30_000)}]},
    ],
    ids=["images", "fields", "nested fields"],
)
async def test_body_of_very_many_values_is_refused_as_a_whole(gateway: Gateway, values: Any) -> None:
    response = await gateway.call("POST", "/chat", content=orjson.dumps(values), headers=JSON)
    assert (response.status_code, response.json()["code"]) == (422, "invalid_request")
    assert "errors" not in response.json()


@pytest.mark.parametrize(
    ("metadata", "status"),
    [
        (b"[" * 62 + b"]" * 62, 200),  # the body is a level, too
        (b"[" * 63 + b"]" * 63, 400),
        (b'{"a":' * 63 + b"0" + b"}" * 63, 400),
        (b"[" * 900 + b"]" * 900, 400),
        (b"[" + b"[]," * 900 + b"0]", 200),
        (b'"' + b"[{" * 900 + b'"', 200),
    ],
    ids=["deep", "too deep", "objects", "far too deep", "wide", "text"],
)
async def test_depth_is_bounded_also_in_ignored_fields(
    gateway: Gateway, metadata: bytes, status: int
) -> None:
    request = orjson.dumps(body("hi"))[:-1] + b',"metadata":' + metadata + b"}"
    response = await gateway.call("POST", "/v1/chat/completions", content=request, headers=JSON)
    assert response.status_code == status


@pytest.mark.parametrize("charset", ["undefined", "unicode_escape", "utf-16", "latin-1"])
async def test_forms_in_other_charsets_are_refused(gateway: Gateway, charset: str) -> None:
    form = b'--BB\r\nContent-Disposition: form-data; name="\\ud800"\r\n\r\nx\r\n--BB--\r\n'
    headers = {"Content-Type": f"multipart/form-data; boundary=BB; charset={charset}"}
    response = await gateway.call("POST", "/vision", content=form, headers=headers)
    assert (response.status_code, response.json()["code"]) == (400, "invalid_multipart")


async def test_form_whose_names_are_not_utf8_is_refused(gateway: Gateway) -> None:
    form = b'--BB\r\nContent-Disposition: form-data; name="\xff\xfe"\r\n\r\nx\r\n--BB--\r\n'
    headers = {"Content-Type": "multipart/form-data; boundary=BB"}
    response = await gateway.call("POST", "/vision", content=form, headers=headers)
    assert response.status_code in (400, 422)


@pytest.mark.parametrize("count", [11, 12, 60])
async def test_too_many_images_have_one_code(gateway: Gateway, count: int) -> None:
    files = [("image", ("a.jpg", b"x", "image/jpeg"))] * count
    response = await gateway.call("POST", "/vision", files=files, data={"prompt": "x"})
    assert (response.status_code, response.json()["code"]) == (422, "too_many_images")


async def test_all_images_of_a_request_share_a_budget(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(media={"max_image_pixels": 100, "max_request_pixels": 250})
    for count, status in ((2, 200), (3, 422)):
        response = await gateway.call(
            "POST", "/vision", json={"prompt": "x", "images": [jpeg(10, 10)] * count}
        )
        assert response.status_code == status
    assert response.json()["code"] == "image_too_large"


async def test_all_text_of_a_request_shares_a_bound(gateway: Gateway) -> None:
    message = {"role": "user", "content": "a " * 1_050_000}
    response = await gateway.call("POST", "/chat", json={"messages": [message, message]})
    assert (response.status_code, response.json()["code"]) == (422, "invalid_request")
    assert "all text together" in response.text


@pytest.mark.parametrize("path", ["/healthz", "/v1/models", "/.well-known/jwks.json"])
async def test_body_of_a_get_is_not_read(gateway: Gateway, path: str) -> None:
    response = await gateway.call("GET", path, content=b"x" * 20_000)
    assert response.status_code == 200
    assert response.headers["connection"] == "close"


async def test_fields_that_openai_clients_send_are_taken(gateway: Gateway) -> None:
    request = body("hi", stream_options=None, store=False)
    assert (await gateway.call("POST", "/v1/chat/completions", json=request)).status_code == 200
    response = await gateway.call(
        "POST",
        "/v1/audio/transcriptions",
        files={"file": ("v.wav", wav(1), "audio/wav")},
        data={
            "model": "scripted",
            "response_format": "verbose_json",
            "timestamp_granularities[]": ["segment"],
            "temperature": "0",
        },
    )
    assert response.status_code == 200


async def test_unavailable_service_says_when_to_come_back(start_gateway: StartGateway) -> None:
    gateway = await start_gateway()
    await gateway.services.backend.aclose(0)
    response = await gateway.call("POST", "/chat", json={"prompt": "x"})
    assert (response.status_code, response.json()["code"]) == (503, "service_unavailable")
    assert int(response.headers["retry-after"]) >= 1


async def test_full_queue_says_when_to_come_back_and_spends_nothing(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(limits={"max_in_flight": 1, "concurrent_requests": 5})
    place = gateway.services.admission_queue.reserve()
    response = await gateway.call("POST", "/chat", json={"prompt": "x"})
    assert (response.status_code, response.json()["code"]) == (503, "overloaded")
    assert int(response.headers["retry-after"]) >= 1
    place.release()
    response = await gateway.call("POST", "/chat", json={"prompt": "x"})
    assert response.headers["ratelimit"].startswith('"requests";r=9;'), "the refused one was not counted"
