"""A gateway whose model runs elsewhere: in another gateway."""

import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from app.lifespan import remote_config
from app.ops.logging import JSONFormatter
from app.settings import Settings

from ..gateway import Gateway, running_gateway

pytestmark = pytest.mark.anyio

SECRET = "s3cret"
SCREENSHOT = Path("samples/screenshot.png").read_bytes()
RECORDING = Path("samples/voice.m4a").read_bytes()
ENDPOINTS = [{"url": "http://engine", "key": SECRET}]
HTTP = {"endpoints": ENDPOINTS}
PATIENT = {"requests_per_minute": 1000, "concurrent_requests": 100}


@asynccontextmanager
async def two_gateways(
    directory: Path, limits: dict[str, int] = PATIENT, step_seconds: float = 0.0, **overrides: Any
) -> AsyncIterator[tuple[Gateway, Gateway]]:
    """The one that clients use, and the one that has the model. Overrides are of the first."""
    (directory / "engine").mkdir()
    scripted = {"reply": "{prompt}", "step_seconds": step_seconds}
    async with running_gateway(directory / "engine", limits=limits, scripted=scripted) as engine:
        key = (await engine.headers())["Authorization"].removeprefix("Bearer ")
        remote = {"endpoints": [{"url": f"http://127.0.0.1:{engine.port}"}], "key": key}
        settings = {"backend": "remote", "remote": remote | overrides.pop("remote", {})} | overrides
        async with running_gateway(directory, **settings) as gateway:
            yield gateway, engine


async def test_a_chat_is_served_by_the_engine(tmp_path: Path) -> None:
    async with two_gateways(tmp_path) as (gateway, engine):
        response = await gateway.call("POST", "/chat", json={"prompt": "hello"})
        assert response.status_code == 200
        assert response.json()["content"] == "chat user: hello"
        assert response.json()["usage"]["prompt_tokens"] == 1
        names = [each["id"] for each in (await gateway.call("GET", "/v1/models")).json()["data"]]
        assert names == ["scripted"]
        assert (await gateway.client.get("/readyz")).status_code == 200
        await engine.until_idle()


async def test_a_picture_and_a_recording_reach_the_engine(tmp_path: Path) -> None:
    async with two_gateways(tmp_path, remote={"recordings": "input_audio"}) as (gateway, _):
        files = {"image": ("screenshot.png", SCREENSHOT)}
        seen = await gateway.call("POST", "/vision", files=files, data={"prompt": "what?"})
        assert "image(" in seen.json()["content"]
        heard = await gateway.call("POST", "/speech", files={"audio": RECORDING})
        assert "audio(" in heard.json()["transcript"]


@pytest.mark.parametrize("own", [True, False], ids=["the engine's own route", "another engine"])
async def test_speech_and_transcriptions_go_through_a_route_of_transcriptions(
    tmp_path: Path, own: bool
) -> None:
    """Both engines are gateways. The first one's model reads what was said."""
    (tmp_path / "ears").mkdir()
    async with running_gateway(tmp_path / "ears", limits=PATIENT, scripted={"reply": "tap send"}) as ears:
        key = (await ears.headers())["Authorization"].removeprefix("Bearer ")
        endpoint = {"url": f"http://127.0.0.1:{ears.port}", "key": key}
        remote = {"recordings": "transcriptions"} if own else {"transcription_endpoints": [endpoint]}
        async with two_gateways(tmp_path, remote=remote) as (gateway, engine):
            transcript = "transcribe user: " if own else "tap send"
            spoken = await gateway.call("POST", "/speech", files={"audio": RECORDING})
            assert spoken.status_code == 200
            assert spoken.json()["transcript"].startswith(transcript)
            assert spoken.json()["content"] == f"chat user: {spoken.json()['transcript']}"
            assert spoken.json()["usage"]["completion_tokens"] > 2
            files, fields = {"file": ("voice.m4a", RECORDING)}, {"model": "scripted"}
            heard = await gateway.call("POST", "/v1/audio/transcriptions", files=files, data=fields)
            assert heard.json()["text"].startswith(transcript)
            fields |= {"stream": "true"}
            streamed = await gateway.call("POST", "/v1/audio/transcriptions", files=files, data=fields)
            assert "transcript.text.done" in streamed.text
            await gateway.until_idle()
            await engine.until_idle()
        await ears.until_idle()


async def test_speech_without_anything_that_hears_is_refused_by_name(tmp_path: Path) -> None:
    async with two_gateways(tmp_path) as (gateway, _):
        response = await gateway.call("POST", "/speech", files={"audio": RECORDING})
        assert (response.status_code, response.json()["code"]) == (422, "modality_not_supported")
        assert "audio" in response.json()["detail"]
        files, fields = {"file": ("voice.m4a", RECORDING)}, {"model": "scripted"}
        response = await gateway.call("POST", "/v1/audio/transcriptions", files=files, data=fields)
        assert (response.status_code, response.json()["error"]["code"]) == (422, "modality_not_supported")


async def test_a_modality_that_the_engine_does_not_take_is_refused(tmp_path: Path) -> None:
    async with two_gateways(tmp_path, remote={"abilities": []}) as (gateway, _):
        files = {"image": SCREENSHOT}
        vision = {"files": files, "data": {"prompt": "what?"}}
        response = await gateway.call("POST", "/vision", **vision)
        assert (response.status_code, response.json()["code"]) == (422, "modality_not_supported")
        assert response.json()["detail"] == "The loaded model does not support images."
        response = await gateway.call("POST", "/vision", **vision, headers={"Accept-Language": "zh"})
        assert response.json()["detail"] == "当前加载的模型不支持图片。"
        chat = {"model": "scripted", "messages": [{"role": "user", "content": "hi"}], "logprobs": True}
        response = await gateway.call("POST", "/v1/chat/completions", json=chat)
        assert response.status_code == 400
        assert response.json()["error"]["code"] == "unsupported_parameter"
        assert response.json()["error"]["param"] == "logprobs"


async def test_the_engines_retry_after_is_passed_on(tmp_path: Path) -> None:
    async with two_gateways(tmp_path, limits={"requests_per_minute": 1}) as (gateway, _):
        responses = [await gateway.call("POST", "/chat", json={"prompt": "hello"}) for _ in range(3)]
        last = responses[-1]
        assert (last.status_code, last.json()["code"]) == (503, "overloaded")
        assert int(last.headers["Retry-After"]) > 5  # which it would be without the engine's


async def test_a_stream_that_is_left_ends_the_engines(tmp_path: Path) -> None:
    """The engine's response would take an hour; `until_idle` waits ten seconds."""
    async with two_gateways(tmp_path, step_seconds=60) as (gateway, engine):
        body = {"prompt": "hello " * 60, "stream": True}
        headers = await gateway.headers()
        async with gateway.client.stream("POST", "/chat", json=body, headers=headers) as response:
            assert response.status_code == 200
            assert engine.services.backend.status().running == 1
        await engine.until_idle()
        await gateway.until_idle()


async def test_the_log_and_the_metrics_say_which_backend_served(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "app")
    async with two_gateways(tmp_path, backend="scripted,remote") as (gateway, _):
        await gateway.call("POST", "/chat", json={"prompt": "hello"})
        await gateway.services.backend._backends["scripted"].aclose(0)
        await gateway.call("POST", "/chat", json={"prompt": "hello"})
        metrics = (await gateway.client.get("/metrics")).text
    assert 'gateway_generations_total{backend="scripted"} 1.0' in metrics
    assert 'gateway_generations_total{backend="remote"} 1.0' in metrics
    lines = [json.loads(JSONFormatter().format(record)) for record in caplog.records]
    backends = [line["backend"] for line in lines if line.get("route") == "/chat"]
    assert backends == ["scripted", "remote"]


async def test_the_log_and_the_metrics_say_which_engine_served(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "app")
    caplog.set_level(logging.INFO, "inference")
    async with two_gateways(tmp_path) as (gateway, engine):
        url = f"http://127.0.0.1:{engine.port}"
        await gateway.call("POST", "/chat", json={"prompt": "hello"})
        await engine.services.backend.aclose(0)
        assert (await gateway.call("POST", "/chat", json={"prompt": "hello"})).status_code == 503
        metrics = (await gateway.client.get("/metrics")).text
    failed = [record.getMessage() for record in caplog.records if "fails at" in record.getMessage()]
    assert len(failed) == 1
    assert failed[0].startswith("engine 0 fails at req_")
    assert f'gateway_engine_served_total{{device="{url}",worker="0"}} 1.0' in metrics
    assert f'gateway_engine_failed_total{{device="{url}",worker="0"}}' in metrics
    lines = [json.loads(JSONFormatter().format(record)) for record in caplog.records]
    workers = [line["worker"] for line in lines if line.get("backend") == "remote"]
    assert workers == ["0"]


async def test_the_model_is_not_unknown_but_unavailable_until_an_engine_was_reached(tmp_path: Path) -> None:
    endpoint = {"url": "http://127.0.0.1:9"}
    async with running_gateway(tmp_path, backend="remote", remote={"endpoints": [endpoint]}) as gateway:
        chat = {"model": "autoglm", "messages": [{"role": "user", "content": "hi"}]}
        response = await gateway.call("POST", "/v1/chat/completions", json=chat)
        assert (response.status_code, response.json()["error"]["code"]) == (503, "service_unavailable")
        assert int(response.headers["Retry-After"]) > 0
        response = await gateway.call("GET", "/v1/models/autoglm")
        assert response.status_code == 503


def test_the_line_feed_after_a_key_is_not_part_of_it() -> None:
    endpoint = {"url": "http://engine", "key": f"{SECRET}\n"}
    settings = Settings(_env_file=None, remote={"endpoints": [endpoint], "key": f" {SECRET}\r\n"})
    keys = settings.remote.key, settings.remote.endpoints[0].key
    assert [key and key.get_secret_value() for key in keys] == [SECRET, SECRET]


def test_an_endpoint_may_be_its_url_alone() -> None:
    settings = Settings(_env_file=None, backend="remote", remote={"endpoints": ["http://engine", *ENDPOINTS]})
    assert [each.url for each in settings.remote.endpoints] == ["http://engine", "http://engine"]


async def test_the_key_of_an_engine_is_in_no_output(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    endpoint = {"url": "http://127.0.0.1:9", "key": f"key-{SECRET}"}
    settings = Settings(_env_file=None, backend="remote", remote={"endpoints": [endpoint]})
    assert SECRET not in repr(settings)
    async with running_gateway(tmp_path, backend="remote", remote={"endpoints": [endpoint]}) as gateway:
        response = await gateway.call("POST", "/chat", json={"prompt": "hello"})
        assert (response.status_code, response.json()["code"]) == (503, "service_unavailable")
        metrics = await gateway.client.get("/metrics")
    log = "\n".join(JSONFormatter().format(record) for record in caplog.records)
    assert SECRET not in response.text + metrics.text + log


@pytest.mark.parametrize(
    "values",
    [
        {"backend": "remote"},
        {"backend": "remote,remote", "remote": {"endpoints": [{"url": "http://engine"}]}},
        {"remote": {"endpoints": [{"url": f"http://user:{SECRET}@engine"}]}},
        {"remote": {"endpoints": [{"url": f"engine?key={SECRET}"}]}},
        {"remote": {"endpoints": [{"url": "http://engine", "key": SECRET, "unknown": 1}]}},
        {"remote": {"endpoints": [{"url": "http://engine", "key": f"{SECRET}\nX-Other: 1"}]}},
        {"remote": {"endpoints": [{"url": f"http://engine?api-version={SECRET} "}]}},
        {"remote": {"endpoints": [{"url": f"http://engine#{SECRET}"}]}},
        {"remote": {"endpoints": [{"url": "http://engine", "headers": {"api-key": f"schlüssel-{SECRET}"}}]}},
        {"remote": {"endpoints": [{"url": "http://engine", "headers": {"api-key": f"{SECRET}\nX: 1"}}]}},
        {"remote": {"endpoints": [{"url": "http://engine", "headers": {"api-key": " "}}]}},
        {"remote": {"endpoints": [{"url": "http://engine", "headers": {f"{SECRET}:": "a"}}]}},
        {"remote": {"endpoints": [{"url": "http://engine", "headers": {"a": SECRET, "A": SECRET}}]}},
        {
            "remote": {
                "endpoints": [
                    {"url": "http://engine", "headers": {"Authorization": SECRET}, "key": f"key-{SECRET}"}
                ]
            }
        },
        {"remote": {"key": f"schlüssel-{SECRET}"}},
        {"remote": {"abilities": "everything"}},
        {"backend": "remote", "remote": HTTP | {"recordings": "speech_recognition_model"}},
        {"backend": "remote", "remote": HTTP | {"recordings": "none", "transcription_endpoints": ENDPOINTS}},
    ],
)
def test_settings_that_cannot_work_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        Settings(_env_file=None, **values)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("name", ["Host", "content-length", "Connection", "Accept", "Transfer-Encoding"])
def test_headers_that_the_gateway_sends_itself_are_refused_by_name(name: str) -> None:
    endpoint = {"url": "http://engine", "headers": {name: SECRET}}
    with pytest.raises(ValidationError, match=f"{name} is set by the gateway itself") as caught:
        Settings(_env_file=None, remote={"endpoints": [endpoint]})
    assert SECRET not in str(caught.value)


def test_own_headers_and_the_query_of_an_address_reach_the_engines() -> None:
    endpoint = {"url": f"http://engine/v1?sig={SECRET}", "headers": {"api-key": f"{SECRET}\n"}}
    settings = Settings(
        _env_file=None, remote={"endpoints": [endpoint], "transcription_endpoints": [endpoint]}
    )
    config = remote_config(settings)
    (engine,) = config.endpoints
    assert (engine.url, engine.query) == ("http://engine/v1", f"sig={SECRET}")
    assert engine.headers == {"api-key": SECRET}
    assert config.transcribers == config.endpoints
    assert SECRET not in repr(settings) + repr(config)


def test_settings_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_BACKEND", "in_process, remote")
    monkeypatch.setenv("GATEWAY_REMOTE__ENDPOINTS", '[{"url": "http://engine:8000", "model": "m"}]')
    monkeypatch.setenv("GATEWAY_REMOTE__ABILITIES", "images, tools")
    settings = Settings(_env_file=None)
    assert settings.backend == ("in_process", "remote")
    assert settings.remote.abilities == ("images", "tools")
    assert settings.remote.endpoints[0].model == "m"
