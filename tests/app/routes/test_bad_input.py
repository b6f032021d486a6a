"""Whatever is sent, the response is a clear 4xx with a stable code, and nothing is left behind."""

import base64
import gzip
import io
import json
import struct
import zlib

import httpx
import pytest

from app.http.guard import MAX_PUBLIC_BYTES
from app.main import create_app
from app.settings import Settings

from ..conftest import StartGateway
from ..gateway import Gateway
from ..shared_gateway import _leaves_no_task_running, _leaves_nothing_running, gateway, gateway_of_module
from ..spoken import wav
from .test_chat import jpeg

__all__ = ["_leaves_no_task_running", "_leaves_nothing_running", "gateway", "gateway_of_module"]

pytestmark = pytest.mark.anyio

JSON = {"Content-Type": "application/json"}
MIB = 1024 * 1024


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "invalid_json"),
        (b"{", 400, "invalid_json"),
        (b"\xff\xfe", 400, "invalid_json"),
        (b'{"prompt": "a", "temperature": NaN}', 400, "invalid_json"),
        (b'{"prompt": "a", "temperature": Infinity}', 400, "invalid_json"),
        (b'{"prompt": "\\ud800"}', 400, "invalid_json"),
        (b"[" * 100_000, 400, "invalid_json"),
        (b'{"a":' * 2000 + b"1" + b"}" * 2000, 400, "invalid_json"),
        (b"[]", 422, "invalid_request"),
        (b"null", 422, "invalid_request"),
        (b'"prompt"', 422, "invalid_request"),
        (b"{}", 422, "invalid_request"),
        (b'{"prompt": ""}', 422, "invalid_request"),
        (b'{"prompt": null}', 422, "invalid_request"),
        (b'{"prompt": 5}', 422, "invalid_request"),
        (b'{"prompt": "a\\u0000b"}', 422, "invalid_request"),
        (b'{"prompt": "a", "messages": [{"role": "user", "content": "b"}]}', 422, "invalid_request"),
        (b'{"messages": []}', 422, "invalid_request"),
        (b'{"messages": [{"role": "root", "content": "b"}]}', 422, "invalid_request"),
        (b'{"messages": [{"role": "user", "content": "b", "name": "x"}]}', 422, "invalid_request"),
        (b'{"prompt": "a", "max_tokens": "10"}', 422, "invalid_request"),
        (b'{"prompt": "a", "max_tokens": 0}', 422, "invalid_request"),
        (b'{"prompt": "a", "max_tokens": 1e99}', 422, "invalid_request"),
        (b'{"prompt": "a", "temperature": 1e400}', 400, "invalid_json"),
        (b'{"prompt": "a", "colour": "red"}', 422, "invalid_request"),
        (b'{"prompt": "a", "images": ["not base64!"]}', 422, "invalid_media"),
        (b'{"prompt": "a", "images": ["https://example.com/a.jpg"]}', 422, "invalid_media"),
        (b'{"prompt": "a", "images": ["data:image/png,abc"]}', 422, "invalid_media"),
        (b'{"prompt": "a", "images": ["data:image/png;base64,"]}', 422, "invalid_image"),
        (b'{"prompt": "a", "images": ["aGVsbG8="]}', 422, "invalid_image"),
    ],
)
async def test_wrong_json_is_refused(gateway: Gateway, body: bytes, status: int, code: str) -> None:
    response = await gateway.call("POST", "/chat", content=body, headers=JSON)
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["request_id"] == response.headers["x-request-id"]


BOM = b"\xef\xbb\xbf"


@pytest.mark.parametrize("filler", [b"", b" " * 100_000], ids=["small", "large"])
async def test_byte_order_mark_is_ignored(gateway: Gateway, filler: bytes) -> None:
    body = BOM + b'{"prompt": "hi"' + filler + b"}"
    response = await gateway.call("POST", "/chat", content=body, headers=JSON)
    assert (response.status_code, response.json().get("content")) == (200, "chat user: hi")
    twice = await gateway.call("POST", "/chat", content=BOM + body, headers=JSON)
    assert (twice.status_code, twice.json()["code"]) == (400, "invalid_json")


@pytest.mark.parametrize("filler", [b"", b" " * 100_000], ids=["small", "large"])
@pytest.mark.parametrize("path", ["/chat", "/v1/chat/completions"])
async def test_half_of_a_surrogate_pair_is_named_with_its_field(
    gateway: Gateway, path: str, filler: bytes
) -> None:
    body = b'{"model": "scripted", "messages": [{"role": "user", "content": "hi \\ud83d"}]' + filler + b"}"
    response = await gateway.call("POST", path, content=body, headers=JSON)
    assert response.status_code == 400
    reason = "has half of a surrogate pair, such as \\ud83d: a character was cut in two."
    if path.startswith("/v1"):
        error = response.json()["error"]
        assert (error["code"], error["param"]) == ("invalid_json", "messages.0.content")
        assert error["message"] == f"messages.0.content: {reason}"
    else:
        assert response.json()["code"] == "invalid_json"
        assert response.json()["errors"] == [{"field": "messages.0.content", "message": reason}]


@pytest.mark.parametrize("path", ["/admin/users", "/chat"])
async def test_empty_body_is_named_as_such(gateway: Gateway, path: str) -> None:
    headers = await gateway.headers(scopes="admin chat") | JSON
    response = await gateway.client.post(path, headers=headers)
    assert response.json()["detail"] == "The body is empty."


async def test_file_at_fault_is_named(gateway: Gateway) -> None:
    good, bad = jpeg(3, 4), base64.b64encode(b"no picture").decode()
    parts = [{"type": "text", "text": "a"}, {"type": "image_url", "image_url": {"url": bad}}]
    messages = [{"role": "user", "content": "a"}, {"role": "user", "content": parts}]
    native = [
        await gateway.call("POST", "/chat", json={"prompt": "a", "images": [good, bad]}),
        await gateway.call("POST", "/vision", json={"prompt": "a", "images": [bad]}),
        await gateway.call("POST", "/vision", files={"image": b"no picture"}, data={"prompt": "a"}),
        await gateway.call("POST", "/speech", files={"audio": b"no sound"}),
    ]
    named = [[error["field"] for error in response.json()["errors"]] for response in native]
    assert named == [["images.1"], ["images.0"], ["image.0"], ["audio"]]
    openai = [
        await gateway.call(
            "POST", "/v1/chat/completions", json={"model": "scripted", "messages": messages, **more}
        )
        for more in ({}, {"messages": messages[:1], "images": [good, bad]})
    ]
    openai.append(
        await gateway.call(
            "POST", "/v1/audio/transcriptions", files={"file": b"no sound"}, data={"model": "scripted"}
        )
    )
    assert [response.json()["error"]["param"] for response in openai] == [
        "messages.1.content.1.image_url.url",
        "images.1",
        "file",
    ]


async def test_max_tokens_above_a_whole_days_quota_is_no_reason_to_wait(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(limits={"daily_tokens": 100, "requests_per_minute": 100})
    completion = {"model": "scripted", "messages": [{"role": "user", "content": "a"}]}
    refused = [
        await gateway.call("POST", "/chat", json={"prompt": "a", "max_tokens": 101}),
        await gateway.call("POST", "/chat", json={"prompt": "a"}),
        await gateway.call("POST", "/v1/chat/completions", json=completion | {"max_tokens": 101}),
        await gateway.call("POST", "/v1/chat/completions", json=completion | {"max_completion_tokens": 101}),
        await gateway.call("POST", "/speech", files={"audio": wav(5)}, data={"max_tokens": "10"}),
    ]
    assert {response.status_code for response in refused} == {422}
    assert not any("retry-after" in response.headers for response in refused)
    assert [
        error["field"] for response in (*refused[:2], refused[4]) for error in response.json()["errors"]
    ] == ["max_tokens"] * 3
    openai = [response.json()["error"] for response in refused[2:4]]
    assert [error["param"] for error in openai] == ["max_tokens", "max_completion_tokens"]
    assert "up to 101 tokens, more than the daily token quota of 100" in openai[0]["message"]
    accepted = await gateway.call("POST", "/chat", json={"prompt": "a", "max_tokens": 100})
    assert accepted.status_code == 200


async def test_refused_field_is_named(gateway: Gateway) -> None:
    response = await gateway.call("POST", "/chat", json={"prompt": "a", "temprature": 0.5})
    assert response.json()["errors"] == [{"field": "temprature", "message": "Extra inputs are not permitted"}]


async def test_prompt_longer_than_the_context_is_refused(gateway: Gateway) -> None:
    response = await gateway.call("POST", "/chat", json={"prompt": "word " * 5000})
    assert (response.status_code, response.json()["code"]) == (400, "context_length_exceeded")
    assert "maximum context length is 4096 tokens" in response.json()["detail"]


async def test_ten_megabytes_of_text_are_refused(gateway: Gateway) -> None:
    response = await gateway.call("POST", "/chat", json={"prompt": "a" * 10 * MIB})
    assert (response.status_code, response.json()["code"]) == (422, "invalid_request")


async def test_body_over_the_cap_is_refused_by_its_announced_length(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(media={"max_media_bytes": 4096})
    response = await gateway.call("POST", "/chat", json={"prompt": "a" * 5000})
    assert (response.status_code, response.json()["code"]) == (413, "body_too_large")


def largest_bodies() -> dict[str, tuple[int, str]]:
    """What every route takes at most, and the scope that it needs, by path."""
    settings = Settings(_env_file=None)
    found = {}
    for route in create_app(settings).routes:
        if type(route).__name__ == "Guarded" and "POST" in (route.methods or ()):
            scope, media = route.access.scope, settings.media
            size = media.max_media_bytes if route.access.takes_media else media.max_json_bytes
            found[route.path] = (MAX_PUBLIC_BYTES if scope is None else size, scope or "chat")
    return found


async def test_every_route_refuses_a_longer_body_than_it_takes(gateway: Gateway) -> None:
    for path, (size, scope) in largest_bodies().items():
        token = (await gateway.headers("root", scope))["Authorization"]
        reader, writer = await gateway.connect()
        head = (
            f"POST {path.replace('{', '').replace('}', '')} HTTP/1.1\r\nHost: a\r\nAuthorization: {token}\r\n"
        )
        writer.write(f"{head}Content-Type: application/json\r\nContent-Length: {size + 1}\r\n\r\n".encode())
        assert (await reader.readline()).split()[1] == b"413", path
        writer.close()
    assert {"/chat", "/vision", "/speech", "/auth/token", "/admin/users"} <= largest_bodies().keys()


async def test_body_over_the_cap_is_refused_though_no_length_was_announced(
    start_gateway: StartGateway,
) -> None:
    gateway = await start_gateway(media={"max_media_bytes": 4096})

    async def chunks():  # type: ignore[no-untyped-def]
        for _ in range(8):
            yield b'{"prompt": "' + b"a" * 1000

    response = await gateway.call("POST", "/chat", content=chunks(), headers=JSON)
    assert (response.status_code, response.json()["code"]) == (413, "body_too_large")


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", ""])
async def test_other_content_types_are_refused(gateway: Gateway, content_type: str) -> None:
    headers = {"Content-Type": content_type} if content_type else {}
    response = await gateway.call("POST", "/chat", content=b'{"prompt": "a"}', headers=headers)
    assert (response.status_code, response.json()["code"]) == (415, "unsupported_content_type")


@pytest.mark.parametrize(
    ("path", "content_type", "encoding"),
    [
        ("/chat", "application/json", "gzip"),
        ("/chat", "application/json", "identity, BR"),
        ("/chat", "application/json", "x"),
        ("/vision", "multipart/form-data; boundary=x", "gzip"),
        ("/v1/chat/completions", "application/json", "gzip"),
        ("/auth/token", "application/x-www-form-urlencoded", "gzip"),
    ],
)
async def test_compressed_body_is_refused_as_such(
    gateway: Gateway, path: str, content_type: str, encoding: str
) -> None:
    headers = {"Content-Type": content_type, "Content-Encoding": encoding}
    response = await gateway.call("POST", path, content=gzip.compress(b'{"prompt": "a"}'), headers=headers)
    body = response.json()
    error = body["error"] if path.startswith("/v1") else body
    assert (response.status_code, error["code"]) == (415, "unsupported_content_encoding")
    assert response.headers["accept-encoding"] == "identity"
    assert "without Content-Encoding" in response.text


@pytest.mark.parametrize("encoding", ["identity", "Identity", "", "identity, identity"])
async def test_body_that_says_that_it_is_not_compressed_is_taken(gateway: Gateway, encoding: str) -> None:
    response = await gateway.call(
        "POST", "/chat", json={"prompt": "a"}, headers={"Content-Encoding": encoding}
    )
    assert response.status_code == 200


async def test_eleven_images_are_refused(gateway: Gateway) -> None:
    response = await gateway.call("POST", "/vision", json={"prompt": "a", "images": ["aGVsbG8="] * 11})
    assert (response.status_code, response.json()["code"]) == (422, "too_many_images")


async def test_hundred_megapixels_are_refused_before_they_are_decoded(gateway: Gateway) -> None:
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", 10_000, 10_000, 8, 0, 0, 0, 0)
    pixels = zlib.compress(bytes(10_001) * 10_000)
    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    body = {"prompt": "a", "images": [base64.b64encode(png).decode()]}
    response = await gateway.call("POST", "/vision", json=body)
    assert (response.status_code, response.json()["code"]) == (422, "image_too_large")


async def test_an_hour_of_audio_is_refused(gateway: Gateway) -> None:
    header = b"RIFF\xff\xff\xff\x7fWAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1, 4000, 4000, 1, 8)
    recording = io.BytesIO(header + b"data" + struct.pack("<I", 14_400_000) + bytes(14_400_000))
    response = await gateway.call("POST", "/speech", files={"audio": ("hour.wav", recording, "audio/wav")})
    assert (response.status_code, response.json()["code"]) == (422, "audio_too_long")


@pytest.mark.parametrize(
    ("authorization", "code"),
    [
        (None, "unauthenticated"),
        ("Basic YTpi", "unauthenticated"),
        ("Bearer", "unauthenticated"),
        ("Bearer nonsense", "invalid_token"),
        ("Bearer " + "a" * 9000, "invalid_token"),
    ],
)
async def test_callers_without_a_valid_token_are_refused(
    gateway: Gateway, authorization: str | None, code: str
) -> None:
    headers = {"Authorization": authorization} if authorization else {}
    response = await gateway.client.post("/chat", json={"prompt": "a"}, headers=headers)
    assert (response.status_code, response.json()["code"]) == (401, code)
    assert response.headers["www-authenticate"].startswith("Bearer")


async def test_two_authorization_headers_are_refused(gateway: Gateway) -> None:
    token = (await gateway.headers())["Authorization"]
    headers = [("Authorization", token), ("Authorization", token)]
    response = await gateway.client.post("/chat", json={"prompt": "a"}, headers=headers)
    assert response.status_code == 401


async def test_token_without_the_scope_is_refused(gateway: Gateway) -> None:
    headers = await gateway.headers(scopes="vision")
    response = await gateway.client.post("/chat", json={"prompt": "a"}, headers=headers)
    assert (response.status_code, response.json()["code"]) == (403, "insufficient_scope")


@pytest.mark.parametrize(("method", "allowed"), [("GET", "POST"), ("DELETE", "POST"), ("OPTIONS", "POST")])
async def test_other_methods_are_refused_with_those_that_are_allowed(
    gateway: Gateway, method: str, allowed: str
) -> None:
    response = await gateway.client.request(method, "/chat")
    assert (response.status_code, response.headers["allow"]) == (405, allowed)


@pytest.mark.parametrize("path", ["/nothing", "/chat/", "/CHAT", "//chat", "/%2e%2e/etc/passwd"])
async def test_unknown_paths_are_refused(gateway: Gateway, path: str) -> None:
    response = await gateway.client.get(httpx.URL(f"http://127.0.0.1:{gateway.port}{path}"))
    assert (response.status_code, response.json()["code"]) == (404, "not_found")


async def test_anonymous_upload_of_25_mb_is_response_sent_at_once(gateway: Gateway) -> None:
    """The response comes although the client has sent a small part of what it announced, and waits."""
    reader, writer = await gateway.connect()
    head = "POST /vision HTTP/1.1\r\nHost: x\r\nContent-Length: 26214400\r\n\r\n"
    writer.write(head.encode() + bytes(1000))
    status_line = await reader.readline()
    assert status_line.split()[1] == b"401"
    rest = await reader.read()
    assert b"connection: close" in rest.lower()
    body = rest.split(b"\r\n\r\n", 1)[1]
    assert json.loads(body)["code"] == "unauthenticated"
    writer.close()
    await writer.wait_closed()


async def test_client_that_waits_for_100_continue_is_refused_without_it(gateway: Gateway) -> None:
    reader, writer = await gateway.connect()
    head = (
        "POST /vision HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        "Expect: 100-continue\r\nContent-Length: 26214400\r\n\r\n"
    )
    writer.write(head.encode())
    assert (await reader.readline()).split()[1] == b"401"
    writer.close()
    await writer.wait_closed()


async def test_upload_that_stops_half_way_is_response_sent_in_time(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(request_timeout_seconds=1)
    authorization = (await gateway.headers())["Authorization"]
    reader, writer = await gateway.connect()
    head = (
        "POST /chat HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        f"Authorization: {authorization}\r\nContent-Length: 1000\r\n\r\n"
    )
    writer.write(head.encode() + b'{"prompt": ')
    assert (await reader.readline()).split()[1] == b"408"
    writer.close()
    await writer.wait_closed()
