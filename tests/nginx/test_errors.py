"""nginx's own errors, in the gateway's two formats, with its words and ids."""

import asyncio
import json
import re
from http import HTTPStatus
from pathlib import Path
from typing import Any

import openai
import pytest

from app import errors
from app.localisation import preferred_language, translate
from app.schemas.problems import oauth_problem_of, openai_error_of, problem_of

from .conftest import StartNginx
from .fake_gateway import fake_gateway, hang_up, say_nothing
from .nginx_server import NGINX_DIRECTORY, NginxServer

pytestmark = [pytest.mark.anyio, pytest.mark.servers]

DOCUMENT = Path(__file__).parents[2] / "docs" / "nginx.md"
TOO_LARGE = 50 * 1_048_576 + 1
PROBLEM = {"type", "title", "status", "detail", "code", "request_id"}


def check_shape(path: str, status: int, headers: dict[str, str], content: bytes) -> str:
    """Strict. Returns the code."""
    body: dict[str, Any] = json.loads(content)
    assert headers["x-request-id"]
    assert headers["cache-control"] == "no-store"
    if path.startswith("/v1/"):
        assert headers["content-type"] == "application/json"
        assert body.keys() == {"error"}
        error = body["error"]
        assert error.keys() == {"message", "type", "param", "code"}
        assert all(isinstance(value, str) for value in error.values())
        assert error["param"] == ""
    else:
        assert headers["content-type"] == "application/problem+json"
        if path.startswith("/auth/"):
            assert body.keys() == PROBLEM | {"error", "error_description"}
            assert body["error"] in ("invalid_request", "temporarily_unavailable", "server_error")
            assert body["error_description"] == body["detail"]
        else:
            assert body.keys() == PROBLEM
        error = body
        assert body["type"] == f"urn:autoglm-gateway:problem:{body['code']}"
        assert (body["status"], body["request_id"]) == (status, headers["x-request-id"])
    assert re.fullmatch("[a-z0-9_]+", error["code"])
    return str(error["code"])


async def raw_response(nginx: NginxServer, request: bytes) -> tuple[int, dict[str, str], bytes]:
    """The response to a client that sends malformed HTTP."""
    reader, writer = await asyncio.open_connection("localhost", nginx.https_port, ssl=nginx.tls())
    writer.write(request)
    async with asyncio.timeout(10):
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    status_line, *lines = head.decode().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines)
    return int(status_line.split(" ")[1]), headers, body


def malformed(path: str, *lines: str, method: str = "GET", version: str = "HTTP/1.1") -> bytes:
    return "\r\n".join([f"{method} {path} {version}", *lines, "Connection: close", "", ""]).encode()


@pytest.mark.parametrize("path", ["/chat", "/v1/chat/completions", "/auth/token"])
@pytest.mark.parametrize(
    ("lines", "method", "version", "status", "code"),
    [
        ((), "GET", "HTTP/1.1", 400, "bad_request"),  # no Host
        (("Host: a", "Content-Length: x"), "POST", "HTTP/1.1", 400, "bad_request"),
        (
            ("Host: a", "Content-Length: 1", "Transfer-Encoding: chunked"),
            "POST",
            "HTTP/1.1",
            400,
            "bad_request",
        ),
        (("Host: a",), "TRACE", "HTTP/1.1", 405, "method_not_allowed"),
        (("Host: a", "X: " + 9000 * "x"), "GET", "HTTP/1.1", 431, "headers_too_large"),
        (("Host: a", "Transfer-Encoding: gzip"), "POST", "HTTP/1.1", 501, "not_implemented"),
        (("Host: a", f"Content-Length: {TOO_LARGE}"), "POST", "HTTP/1.1", 413, "body_too_large"),
    ],
)
async def test_bad_requests(
    bare_nginx: NginxServer,
    path: str,
    lines: tuple[str, ...],
    method: str,
    version: str,
    status: int,
    code: str,
) -> None:
    response = await raw_response(bare_nginx, malformed(path, *lines, method=method, version=version))
    assert response[0] == status
    assert check_shape(path, *response) == code


@pytest.mark.parametrize(
    ("request_line", "status", "code"),
    [
        ("GET /" + 9000 * "x" + " HTTP/1.1", 414, "address_too_long"),
        ("GET /chat HTTP/3.0", 505, "version_not_supported"),
        ("What?", 400, "bad_request"),
    ],
)
async def test_requests_whose_first_line_cannot_be_read(
    bare_nginx: NginxServer, request_line: str, status: int, code: str
) -> None:
    response = await raw_response(
        bare_nginx, f"{request_line}\r\nHost: a\r\nConnection: close\r\n\r\n".encode()
    )
    assert response[0] == status
    assert check_shape("/", *response) == code


@pytest.mark.parametrize("path", ["/chat", "/v1/chat/completions", "/auth/token"])
@pytest.mark.parametrize("version", ["--http1.1", "--http2"])
async def test_502_when_no_gateway_listens(start_nginx: StartNginx, path: str, version: str) -> None:
    async with fake_gateway() as gateway:
        port = gateway.port
    response = await start_nginx(port).curl(path, version, "--json", "{}")
    assert response.status == 502
    assert check_shape(path, response.status, response.headers, response.body) == "gateway_unreachable"
    assert response.headers["retry-after"] == "5"


@pytest.mark.parametrize("path", ["/chat", "/v1/chat/completions", "/auth/token"])
async def test_504_when_a_gateway_does_not_respond(start_nginx: StartNginx, path: str) -> None:
    async with fake_gateway(say_nothing) as gateway:
        nginx = start_nginx(gateway.port, NGINX_READ_SECONDS="1")
        response = await nginx.curl(path, "--json", "{}")
    assert response.status == 504
    assert check_shape(path, response.status, response.headers, response.body) == "gateway_timeout"


async def test_502_when_the_gateway_dies_during_a_request(start_nginx: StartNginx) -> None:
    async with fake_gateway(hang_up) as gateway:
        response = await start_nginx(gateway.port).curl("/chat", "--json", "{}")
    assert check_shape("/chat", response.status, response.headers, response.body) == "gateway_unreachable"


@pytest.mark.parametrize(
    ("path", "error"),
    [(path, errors.BodyTooLarge()) for path in ("/chat", "/v1/chat/completions", "/auth/revoke")],
)
async def test_what_both_refuse_is_refused_in_the_same_words(
    bare_nginx: NginxServer, path: str, error: errors.GatewayError
) -> None:
    lines = ("Host: a", f"Content-Length: {TOO_LARGE}", "X-Request-ID: mine")
    _, _, content = await raw_response(bare_nginx, malformed(path, *lines, method="POST"))
    if path.startswith("/v1/"):
        own = openai_error_of(error)
    else:
        own = (oauth_problem_of if path.startswith("/auth/") else problem_of)(error, "mine")
    titles = {"title": ""}  # Python's name of 413 depends on its version
    assert json.loads(content) | titles == own | titles


@pytest.mark.parametrize("path", ["/nothing", "/v1/nothing"])
async def test_errors_of_the_gateway_pass_unchanged(nginx: NginxServer, path: str) -> None:
    response = await nginx.curl(path)
    body = response.json()
    assert response.status == 404
    assert (body["error"] if path.startswith("/v1") else body)["code"] == "not_found"
    assert (response.headers["content-type"] == "application/json") == path.startswith("/v1")


@pytest.mark.parametrize("path", ["/.error/problem", "/.error/oauth", "/.error/openai"])
async def test_error_pages_cannot_be_requested(bare_nginx: NginxServer, path: str) -> None:
    response = await bare_nginx.curl(path)
    assert response.status == 404
    assert check_shape(path, response.status, response.headers, response.body) == "not_found"


def test_document_names_every_code() -> None:
    template = (NGINX_DIRECTORY / "templates" / "http" / "errors.conf").read_text()
    blocks = dict(re.findall(r"(?s)map [^{]*(\$\w+) \{\n(.*?)\n\}", template))
    codes = set(re.findall(r"(?m)^ +\S.* (\w+);$", blocks["$error_code"]))
    sentences = set(re.findall(r"(?m)^ +(\w+) \"", blocks["$english_detail"])) - {"default"}
    assert codes == sentences | {"internal_error"}
    documented = re.findall(r"(?m)^\| \d{3} \| `(\w+)` \|", DOCUMENT.read_text())
    assert set(documented) == codes
    assert len(documented) == len(codes)


def strings_of(template: str, variable: str) -> dict[str, str]:
    """A map of a template whose values are strings."""
    text = (NGINX_DIRECTORY / "templates" / "http" / template).read_text()
    block = re.search(rf"(?s)map [^{{]*\{variable} \{{\n(.*?)\n\}}", text)
    assert block is not None
    return dict(re.findall(r'(?m)^ +(\w+) "(.*)";$', block[1]))


@pytest.mark.parametrize("kind", ["detail", "title"])
def test_every_sentence_is_there_in_chinese_and_as_the_gateway_says_it(kind: str) -> None:
    english = strings_of("errors.conf", f"$english_{kind}")
    chinese = strings_of("errors-zh.conf", f"$chinese_{kind}")
    assert chinese.keys() == english.keys()
    for name, sentence in english.items():
        of_gateway = translate(sentence, "zh-Hans")
        assert of_gateway in (sentence, chinese[name])
        assert re.search("[\u4e00-\u9fff]", chinese[name])


@pytest.mark.parametrize("path", ["/chat", "/v1/chat/completions", "/auth/token"])
async def test_errors_are_in_chinese_for_those_who_prefer_it(start_nginx: StartNginx, path: str) -> None:
    async with fake_gateway() as gateway:
        port = gateway.port
    nginx = start_nginx(port)
    chinese = {"Accept-Language": "zh-CN,zh;q=0.9,en;q=0.8"}
    too_large = malformed(path, "Host: a", f"Content-Length: {TOO_LARGE}", *lines_of(chinese), method="POST")
    responses = [await raw_response(nginx, too_large)]
    async with nginx.client() as client:
        unreachable = await client.post(path, headers=chinese, json={})
        responses.append((unreachable.status_code, dict(unreachable.headers), unreachable.content))
    details = []
    for status, headers, content in responses:
        document = json.loads(content)
        assert headers["content-language"].lower() == "zh-hans"
        assert headers["vary"].lower() == "accept-language"
        if path.startswith("/v1/"):
            details.append((status, document["error"]["message"]))
            continue
        details.append((status, document["detail"]))
        assert document["title"] == translate(HTTPStatus(status).phrase, "zh-Hans") or status == 502
        if path.startswith("/auth/"):
            assert document["error_description"].isascii(), "OAuth 2.0 allows nothing else"
    assert details == [
        (413, "请求体超过此接口允许的大小，详见 GET /limits。"),
        (502, "暂时无法连接服务。请等待 Retry-After 指定的秒数后重试。"),
    ]


def lines_of(headers: dict[str, str]) -> list[str]:
    return [f"{name}: {value}" for name, value in headers.items()]


@pytest.mark.parametrize(
    "accepted",
    [
        "zh-Hans-CN;q=1.0, en-CN;q=0.9, ja-CN;q=0.8",  # iOS
        "zh-CN,zh;q=0.9,en;q=0.8",  # Android's WebView, browsers
        "en-US,en;q=0.9,zh-CN;q=0.8",
        "fr-FR, fr;q=0.9, zh-TW;q=0.8, en;q=0.7",
        "en;q=0.5, ZH-HANT",
        "zh;q=0.25, en;q=0.31, de",
        "en ; q = 0.7 , zh;q=1.000",
        "zh;q=0, de",
        "zhx, enx",
        "*",
        "",
        ", , zh",
        "zh;q=x, en;q=0.1",
    ],
)
async def test_languages_are_those_that_the_gateway_would_choose(
    bare_nginx: NginxServer, accepted: str
) -> None:
    request = malformed("/chat", "Host: a", f"Accept-Language: {accepted}", method="TRACE")
    _, headers, _ = await raw_response(bare_nginx, request)
    assert headers["content-language"] == preferred_language(accepted).lower()


async def test_openais_sdk_parses_them(start_nginx: StartNginx) -> None:
    async with fake_gateway(hang_up) as gateway:
        nginx = start_nginx(gateway.port)
        http_client = nginx.client()
        client = openai.AsyncOpenAI(
            base_url=f"{nginx.url}/v1", api_key="x", max_retries=0, http_client=http_client
        )
        async with client:
            with pytest.raises(openai.InternalServerError) as failed:
                await client.models.list()
    assert (failed.value.status_code, failed.value.code) == (502, "gateway_unreachable")
    assert "Wait for Retry-After seconds." in failed.value.message
