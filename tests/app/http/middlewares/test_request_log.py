import asyncio
import json
import logging
import re
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from app.http.middlewares.request_log import RequestLogMiddleware
from app.ops.history import History
from app.persistence.usage_writer import UsageRecord
from app.record.request_record import RequestRecord
from inference import BackendConfig, build_backend

pytestmark = pytest.mark.anyio


@dataclass
class Recorder:
    """In the place of the metrics and the usage writer."""

    observed: list[RequestRecord] = field(default_factory=list)
    used: list[UsageRecord] = field(default_factory=list)

    def observe(self, record: RequestRecord, outcome: str, total_seconds: float) -> None:
        self.observed.append(record)

    def record(self, usage: UsageRecord) -> None:
        self.used.append(usage)


@pytest.fixture
def recorder():
    return Recorder()


@pytest.fixture
def gateway(recorder):
    history = History(build_backend(BackendConfig(("scripted",))))
    services = SimpleNamespace(metrics=recorder, usage_writer=recorder, telemetry=None, history=history)
    return SimpleNamespace(state=SimpleNamespace(services=services))


@pytest.fixture
def ask(gateway, caplog):
    """Sends one request through the middleware; returns the messages that came out."""
    caplog.set_level(logging.INFO, logger="app.http.request_end")

    async def ask(app: Any, **headers: str) -> list[dict[str, Any]]:
        sent: list[dict[str, Any]] = []
        raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
        scope = {"type": "http", "method": "POST", "path": "/chat", "headers": raw, "app": gateway}

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        await RequestLogMiddleware(app)(scope, receive, send)
        return sent

    return ask


async def response(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": [(b"a", b"b")]})
    await send({"type": "http.response.body", "body": b"ok"})


async def generate(scope, receive, send):
    record = scope["state"]["record"]
    record.route, record.user_id, record.model = "/chat", "usr_1", "m"
    record.prompt_tokens, record.completion_tokens = 3, 4
    record.note_output()
    await response(scope, receive, send)


def lines(caplog) -> list[logging.LogRecord]:
    return [record for record in caplog.records if record.name == "app.http.request_end"]


async def test_response_carries_a_new_request_id(ask):
    start, _ = await ask(response)
    request_id = dict(start["headers"])[b"x-request-id"].decode()
    assert re.fullmatch("req_[0-9a-f]{16}", request_id)
    assert dict(start["headers"])[b"a"] == b"b"


async def test_acceptable_request_id_is_kept(ask):
    start, _ = await ask(response, x_request_id="Trace-1.2_3")
    assert dict(start["headers"])[b"x-request-id"] == b"Trace-1.2_3"


@pytest.mark.parametrize("request_id", ["", "a b", "a\r\nb", "x" * 65, "ü", "<script>", "a;b", "abc\n"])
async def test_other_request_ids_are_replaced(ask, request_id):
    start, _ = await ask(response, x_request_id=request_id)
    assert dict(start["headers"])[b"x-request-id"].startswith(b"req_")


async def test_one_line_is_logged_and_one_request_counted(ask, recorder, caplog):
    await ask(response)
    (line,) = lines(caplog)
    assert (line.status, line.method, line.outcome) == (200, "POST", "ok")
    assert [record.status for record in recorder.observed] == [200]


async def test_response_leaves_before_it_is_recorded(recorder, gateway):
    """The server sends in the next turn of the event loop."""
    recorded_when_sent: list[int] = []

    async def send(message: dict[str, Any]) -> None:
        asyncio.get_running_loop().call_soon(lambda: recorded_when_sent.append(len(recorder.observed)))

    scope = {"type": "http", "method": "POST", "path": "/chat", "headers": [], "app": gateway}
    await RequestLogMiddleware(response)(scope, None, send)
    assert recorded_when_sent == [0, 0]
    assert len(recorder.observed) == 1


async def test_a_generation_is_handed_to_the_usage_writer(ask, recorder):
    await ask(generate, x_request_id="r1")
    (usage,) = recorder.used
    assert (usage.request_id, usage.user_id, usage.route, usage.model) == ("r1", "usr_1", "/chat", "m")
    assert (usage.prompt_tokens, usage.completion_tokens, usage.outcome) == (3, 4, "ok")
    assert usage.ttft_ms is not None


async def test_what_did_not_generate_is_no_usage(ask, recorder):
    await ask(response)
    assert recorder.used == []


async def test_an_exception_is_settled_as_a_failure_and_goes_on(ask, recorder, caplog):
    async def fail(scope, receive, send):
        raise RuntimeError("boom")

    with pytest.raises(RuntimeError, match="boom"):
        await ask(fail)
    (line,) = lines(caplog)
    assert (line.status, line.outcome) == (500, "failed")
    assert len(recorder.observed) == 1


async def test_a_stream_that_is_cut_off_is_a_client_that_is_gone(ask, recorder, caplog):
    async def stream(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"some", "more_body": True})

    await ask(stream)
    assert [line.outcome for line in lines(caplog)] == ["client_gone"]


async def test_the_line_says_nothing_of_query_strings_and_headers(ask, caplog):
    await ask(generate, authorization="Bearer secret-token", cookie="secret-cookie")
    (line,) = lines(caplog)
    assert "secret" not in json.dumps(vars(line), default=repr)


async def test_lifespan_and_websockets_pass_untouched(recorder):
    seen = []

    async def app(scope, receive, send):
        seen.append(scope)

    scope = {"type": "lifespan"}
    await RequestLogMiddleware(app)(scope, None, None)
    assert seen == [{"type": "lifespan"}]
