"""The trace of a request as a collector receives it: one tree, agreed names, nothing private."""

import base64
import json
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from tests.app.conftest import StartGateway
from tests.app.gateway import Gateway

from .conftest import CollectorServer, StartTraced, attributes_of, flush

pytestmark = pytest.mark.anyio

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
TRACEPARENT = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
SAMPLES = Path(__file__).parents[3] / "samples"
GENEROUS = {"limits": {"requests_per_minute": 1000, "concurrent_requests": 10}}

SERVER_ATTRIBUTES = {
    *("http.request.method", "http.route", "http.response.status_code", "error.type"),
    *("user.id", "gateway.outcome"),
}
GENAI_ATTRIBUTES = {
    *("gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.output.type", "error.type"),
    *("gen_ai.request.model", "gen_ai.request.max_tokens", "gen_ai.request.temperature"),
    *("gen_ai.request.top_p", "gen_ai.request.top_k", "gen_ai.request.frequency_penalty"),
    *("gen_ai.request.seed", "gen_ai.response.id", "gen_ai.response.model"),
    *("gen_ai.response.finish_reasons", "gen_ai.response.time_to_first_chunk"),
    *("gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"),
    *("gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.reasoning.output_tokens"),
    "gateway.backend",
}
ENGINE_ATTRIBUTES = {
    *("gateway.worker", "gateway.engine.steps", "gateway.engine.cached_tokens"),
    *("gateway.engine.longest_step_seconds", "gateway.engine.preemptions", "error.type"),
}


def tree_of(spans: list[Span]) -> dict[str, list[str]]:
    """The names of each span's children, in the order in which they began."""
    names = {span.span_id: span.name for span in spans}
    tree: dict[str, list[str]] = {}
    for span in sorted(spans, key=lambda span: span.start_time_unix_nano):
        tree.setdefault(names.get(span.parent_span_id, ""), []).append(span.name)
    return tree


def span_named(spans: list[Span], name: str) -> Span:
    (span,) = [span for span in spans if span.name == name]
    return span


async def ask(gateway: Gateway, body: dict[str, Any], path: str = "/chat") -> httpx.Response:
    return await gateway.call("POST", path, json=body, headers=TRACEPARENT)


async def test_chat_is_one_tree_from_the_proxys_span_to_the_engines_steps(
    start_traced: StartTraced, collector: CollectorServer
) -> None:
    gateway = await start_traced()
    response = await ask(gateway, {"prompt": "one two three", "max_tokens": 5, "seed": 7})
    await flush(gateway)
    spans = collector.spans
    assert tree_of(spans) == {
        "": ["POST /chat"],
        "POST /chat": ["authenticate", "check limits", "read body", "reserve", "chat scripted"],
        "chat scripted": ["queue", "prefill", "decode"],
    }
    assert {span.trace_id.hex() for span in spans} == {TRACE}
    assert len({span.span_id for span in spans}) == len(spans)
    server, generation = span_named(spans, "POST /chat"), span_named(spans, "chat scripted")
    assert server.parent_span_id.hex() == PARENT
    assert (server.kind, generation.kind) == (Span.SPAN_KIND_SERVER, Span.SPAN_KIND_INTERNAL)
    by_id = {span.span_id: span for span in spans}
    for span in spans:
        parent = by_id.get(span.parent_span_id, server)
        assert parent.start_time_unix_nano <= span.start_time_unix_nano <= span.end_time_unix_nano
        assert span.end_time_unix_nano <= parent.end_time_unix_nano
        assert span.status.code == Status.STATUS_CODE_UNSET
    said = attributes_of(generation.attributes)
    assert said.pop("gen_ai.response.time_to_first_chunk") > 0
    assert said == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "autoglm-gateway",
        "gen_ai.request.model": "scripted",
        "gen_ai.response.model": "scripted",
        "gen_ai.request.max_tokens": 5,
        "gen_ai.request.temperature": 0.0,
        "gen_ai.request.top_p": 1.0,
        "gen_ai.request.frequency_penalty": 0.0,
        "gen_ai.request.seed": 7,
        "gen_ai.response.id": response.json()["id"],
        "gen_ai.response.finish_reasons": ["length"],
        "gen_ai.usage.input_tokens": 3,
        "gen_ai.usage.output_tokens": 5,
        "gen_ai.output.type": "text",
        "gateway.backend": "scripted",
    }
    assert attributes_of(server.attributes) == {
        "http.request.method": "POST",
        "http.route": "/chat",
        "http.response.status_code": 200,
        "user.id": "usr_alice",
        "gateway.outcome": "ok",
    }
    decode = attributes_of(span_named(spans, "decode").attributes)
    assert (decode["gateway.engine.steps"], decode["gateway.worker"]) == (4, "0")
    (step,) = span_named(spans, "prefill").events
    assert (step.name, attributes_of(step.attributes)) == ("step", {"gateway.engine.tokens": 3})
    of_traces, of_metrics = collector.resources
    assert of_traces == of_metrics
    assert of_traces["service.name"] == "autoglm-gateway"


async def test_request_without_a_proxy_begins_a_trace_of_its_own(
    start_traced: StartTraced, collector: CollectorServer
) -> None:
    gateway = await start_traced(**GENEROUS)
    for _ in range(2):
        await gateway.call("POST", "/chat", json={"prompt": "hello"})
    await flush(gateway)
    roots = [span for span in collector.spans if span.name == "POST /chat"]
    assert len({root.trace_id for root in roots}) == 2
    assert {(len(root.trace_id), root.parent_span_id) for root in roots} == {(16, b"")}


async def test_time_in_nginx_is_the_outermost_span(
    start_traced: StartTraced, collector: CollectorServer
) -> None:
    """nginx's own `traceparent` repeats half of the trace's id; an app's does not."""
    gateway = await start_traced(**GENEROUS)
    for span_id in (TRACE[:16], PARENT):
        headers = {"traceparent": f"00-{TRACE}-{span_id}-01", "X-Proxy-Seconds": "1.250"}
        await gateway.call("POST", "/chat", json={"prompt": "hello"}, headers=headers)
    await flush(gateway)
    alone, behind_app = [span for span in collector.spans if span.name == "nginx"]
    assert (alone.span_id.hex(), alone.parent_span_id) == (TRACE[:16], b"")
    assert behind_app.parent_span_id.hex() == PARENT
    servers = [span for span in collector.spans if span.name == "POST /chat"]
    assert [server.parent_span_id for server in servers] == [alone.span_id, behind_app.span_id]
    waited = servers[0].start_time_unix_nano - alone.start_time_unix_nano
    assert waited == pytest.approx(1.25e9, abs=1e3)


async def test_media_and_both_generations_of_speech_have_spans(
    start_traced: StartTraced, collector: CollectorServer
) -> None:
    gateway = await start_traced(**GENEROUS)
    files = {
        "audio": ("voice.m4a", (SAMPLES / "voice.m4a").read_bytes()),
        "image": ("photo.jpg", (SAMPLES / "photo.jpg").read_bytes()),
    }
    assert (await gateway.call("POST", "/speech", files=files)).status_code == 200
    await flush(gateway)
    assert tree_of(collector.spans)["POST /speech"] == [
        *("authenticate", "check limits", "read body", "reserve", "decode audio", "find speech"),
        "decode image",
        *("transcribe scripted", "chat scripted"),
    ]


async def test_stream_is_traced_to_its_last_event(
    start_traced: StartTraced, collector: CollectorServer
) -> None:
    gateway = await start_traced(scripted={"reply": "one two three", "step_seconds": 0.02})
    await gateway.events("/chat", json={"prompt": "hello", "stream": True})
    await flush(gateway)
    decode = span_named(collector.spans, "decode")
    assert decode.end_time_unix_nano - decode.start_time_unix_nano >= 0.03e9
    assert attributes_of(decode.attributes)["gateway.engine.longest_step_seconds"] >= 0.015
    assert tree_of(collector.spans)["chat scripted"] == ["queue", "prefill", "decode"]


async def test_refusals_say_why_and_where(start_traced: StartTraced, collector: CollectorServer) -> None:
    gateway = await start_traced(limits={"requests_per_minute": 1})
    await gateway.client.post("/chat", json={"prompt": "hello"}, headers={"Authorization": "Bearer wrong"})
    await gateway.call("POST", "/chat", json={"prompt": "hello"})
    assert (await gateway.call("POST", "/chat", json={"prompt": "hello"})).status_code == 429
    await flush(gateway)
    stranger, _, late = [span for span in collector.spans if span.name == "POST /chat"]
    assert attributes_of(stranger.attributes)["error.type"] == "invalid_token"
    assert "user.id" not in attributes_of(stranger.attributes)
    assert attributes_of(late.attributes)["error.type"] == "rate_limit_exceeded"
    assert late.status.code == Status.STATUS_CODE_UNSET  # the caller's doing
    failed = {
        span.name: attributes_of(span.attributes)["error.type"]
        for span in collector.spans
        if span.status.code == Status.STATUS_CODE_ERROR
    }
    assert failed == {"authenticate": "invalid_token", "check limits": "rate_limit_exceeded"}


async def test_deadline_and_disconnect_end_generations_as_errors(
    start_traced: StartTraced, collector: CollectorServer
) -> None:
    gateway = await start_traced(
        request_timeout_seconds=1, scripted={"reply": "word " * 50, "step_seconds": 0.1}, **GENEROUS
    )
    assert (await gateway.call("POST", "/chat", json={"prompt": "hello"})).status_code == 504
    body = {"prompt": "hello", "stream": True}
    async with gateway.client.stream("POST", "/chat", json=body, headers=await gateway.headers()) as response:
        await anext(response.aiter_bytes())
    await flush(gateway)
    assert [
        attributes_of(span.attributes)["error.type"]
        for span in collector.spans
        if span.name == "chat scripted"
    ] == ["deadline", "client_disconnected"]


async def test_nothing_private_is_exported(start_traced: StartTraced, collector: CollectorServer) -> None:
    secret = "s3cret-of-the-collector"
    gateway = await start_traced(
        {"headers": f"authorization=Bearer {secret}".replace(" ", "%20")}, **GENEROUS
    )
    picture = base64.b64encode((SAMPLES / "photo.jpg").read_bytes()).decode()
    access_token = (await gateway.headers())["Authorization"].removeprefix("Bearer ")
    private = ["whisper", "halt-here", "tell-no-one", "one two", "X-Private", "query-word", "app-of-theirs"]
    body = {"prompt": "whisper", "stop": ["halt-here"], "images": [picture], "max_tokens": 5}
    await gateway.call(
        "POST", "/chat?q=query-word", json=body, headers={"X-Private": "1", "User-Agent": "app-of-theirs"}
    )
    await gateway.call("POST", "/v1/chat/completions", json={"model": "tell-no-one", "messages": []})
    await gateway.client.get("/tell-no-one")
    await gateway.client.request("WHISPER", "/chat")
    await flush(gateway)
    sent = b"".join(collector.bodies).decode("latin-1").lower()
    assert "post /chat" in sent
    for word in [*private, secret, access_token, access_token.split(".")[2], picture[100:140]]:
        assert word.lower() not in sent, word
    assert {request.headers["authorization"] for request in collector.requests} == {f"Bearer%20{secret}"}


async def test_every_attribute_is_in_the_contract(
    start_traced: StartTraced, collector: CollectorServer
) -> None:
    gateway = await start_traced(**GENEROUS)
    sampling = {"temperature": 0.5, "top_p": 0.9, "top_k": 3, "frequency_penalty": 0.1, "seed": 1}
    await ask(gateway, {"prompt": "hello", **sampling})
    await ask(gateway, {"prompt": "hello", "max_tokens": 4000})
    await ask(gateway, {"prompt": "hello " * 4000})
    await flush(gateway)
    seen: Counter[str] = Counter()
    for span in collector.spans:
        allowed = ENGINE_ATTRIBUTES
        if span.kind == Span.SPAN_KIND_SERVER:
            allowed = SERVER_ATTRIBUTES
        elif span.name == "chat scripted":
            allowed = GENAI_ATTRIBUTES
        assert attributes_of(span.attributes).keys() <= allowed, span.name
        seen.update(attributes_of(span.attributes).keys())
    assert seen["gen_ai.request.top_k"] == 1
    assert seen["gen_ai.usage.input_tokens"] == 3


async def test_probes_are_not_traced_and_the_log_names_the_trace(
    start_traced: StartTraced, collector: CollectorServer, caplog: pytest.LogCaptureFixture
) -> None:
    gateway = await start_traced()
    for path in ("/healthz", "/readyz", "/metrics"):
        await gateway.client.get(path)
    with caplog.at_level("INFO", "app"):
        await ask(gateway, {"prompt": "hello"})
        await flush(gateway)
    assert {span.trace_id.hex() for span in collector.spans} == {TRACE}
    lines = [record for record in caplog.records if record.message == "request"]
    assert [getattr(line, "trace_id", None) for line in lines] == [None, None, None, TRACE]


async def test_ratio_decides_whatever_the_flags_say(
    start_traced: StartTraced, collector: CollectorServer
) -> None:
    gateway = await start_traced({"trace_ratio": 0.0})
    assert (await ask(gateway, {"prompt": "hello"})).status_code == 200
    await flush(gateway)
    assert collector.spans == []


async def test_without_an_endpoint_there_is_no_telemetry(start_gateway: StartGateway) -> None:
    gateway = await start_gateway()
    assert (await ask(gateway, {"prompt": "hello"})).status_code == 200
    assert gateway.services.telemetry is None
    assert "gateway_traces" not in (await gateway.client.get("/metrics")).text
    assert json.loads((await gateway.client.get("/readyz")).content)["status"] == "ready"
