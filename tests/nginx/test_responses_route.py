"""`POST /v1/responses` through nginx: whole, as events, and refused; and the route that is not there."""

import json
from typing import Any

import openai
import pytest

from ..app.gateway import Gateway, parse_events
from .conftest import StartNginx
from .fake_gateway import fake_gateway
from .nginx_server import CurlResponse, NginxServer
from .test_errors import TOO_LARGE, check_shape, malformed, raw_response
from .test_streams import EVERY_CODING, OPENING

pytestmark = [pytest.mark.anyio, pytest.mark.servers]

ROUTE = "/v1/responses"
PROMPT = "打开\u2028微信 " * 50
REQUEST = {"model": "scripted", "input": PROMPT}
EVENTS = [
    "response.created",
    "response.in_progress",
    "response.output_item.added",
    "response.content_part.added",
    "response.output_text.delta",
    "response.output_text.done",
    "response.content_part.done",
    "response.output_item.done",
    "response.completed",
]


async def post(
    nginx: NginxServer, gateway: Gateway, path: str, body: dict[str, Any], *arguments: str
) -> CurlResponse:
    token = (await gateway.headers())["Authorization"]
    return await nginx.curl(path, *arguments, "-H", f"Authorization: {token}", "--json", json.dumps(body))


async def test_whole_and_streamed_bytes_are_those_of_the_gateway(
    nginx: NginxServer, gateway: Gateway
) -> None:
    for version in ("--http1.1", "--http2"):
        whole = await post(nginx, gateway, ROUTE, REQUEST, version)
        assert (whole.status, whole.headers["content-type"]) == (200, "application/json")
        (message,) = whole.json()["output"]
        text = message["content"][0]["text"]
        assert PROMPT.strip() in text

        streamed = await post(nginx, gateway, ROUTE, REQUEST | {"stream": True}, version, *EVERY_CODING)
        assert (streamed.status, streamed.headers["content-type"]) == (200, "text/event-stream")
        assert not {"content-encoding", "content-length"} & streamed.headers.keys()
        assert streamed.body.startswith(OPENING)
        events = list(parse_events(streamed.body))
        assert list(dict.fromkeys(event.name for event in events)) == EVENTS
        assert [event.data["sequence_number"] for event in events] == list(range(len(events)))
        assert all(event.data["type"] == event.name for event in events)
        deltas = [event.data["delta"] for event in events if event.name == "response.output_text.delta"]
        assert "".join(deltas) == text
        assert events[-1].data["response"]["output"][0]["content"][0]["text"] == text


async def test_openais_sdk_responds_streams_and_reads_refusals(nginx: NginxServer, gateway: Gateway) -> None:
    key = (await gateway.headers())["Authorization"].removeprefix("Bearer ")
    http_client = nginx.client()
    async with openai.AsyncOpenAI(
        base_url=f"{nginx.url}/v1", api_key=key, max_retries=0, http_client=http_client
    ) as client:
        whole = await client.responses.create(model="scripted", input="hello")
        assert "hello" in whole.output_text
        async with client.responses.stream(model="scripted", input="hello") as stream:
            async for _ in stream:
                pass
            assert (await stream.get_final_response()).output_text == whole.output_text
        with pytest.raises(openai.BadRequestError) as refused:
            await client.responses.create(model="scripted", input="hello", store=True)
        assert (refused.value.code, refused.value.param) == ("unsupported_parameter", "store")
        with pytest.raises(openai.NotFoundError) as missing:
            await client.completions.create(model="scripted", prompt="hello")
        assert missing.value.code == "not_found"
        assert "/v1/chat/completions or /v1/responses" in missing.value.message


async def test_errors_of_both_have_openai_shape(
    bare_nginx: NginxServer, nginx: NginxServer, gateway: Gateway, start_nginx: StartNginx
) -> None:
    for path, body, status, code in (
        (ROUTE, REQUEST | {"stream": True, "background": True}, 400, "unsupported_parameter"),
        (ROUTE, REQUEST | {"model": "gpt-5"}, 404, "model_not_found"),
        ("/v1/completions", {"model": "scripted", "prompt": "hello"}, 404, "not_found"),
    ):
        response = await post(nginx, gateway, path, body)
        error = response.json()["error"]
        assert (response.status, response.headers["content-type"]) == (status, "application/json")
        assert (error["code"], error.keys()) == (code, {"message", "type", "param", "code"})
    for path in (ROUTE, "/v1/completions"):
        too_large = malformed(path, "Host: a", f"Content-Length: {TOO_LARGE}", method="POST")
        assert check_shape(path, *await raw_response(bare_nginx, too_large)) == "body_too_large"
    async with fake_gateway() as closed:
        port = closed.port
    response = await start_nginx(port).curl(ROUTE, "--json", "{}")
    assert response.status == 502
    assert check_shape(ROUTE, response.status, response.headers, response.body) == "gateway_unreachable"
