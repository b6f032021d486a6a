"""Errors that nobody expects are still responses in the shape of their route."""

import dataclasses
import logging
from typing import NoReturn

import pytest

from inference import Backend, GenerationRequest

from ...conftest import StartGateway

pytestmark = pytest.mark.anyio


class BrokenBackend:
    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def generate(self, request: GenerationRequest) -> NoReturn:
        raise ZeroDivisionError("a secret")

    def __getattr__(self, name: str) -> object:
        return getattr(self._backend, name)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/chat", {"prompt": "hi"}),
        ("/v1/chat/completions", {"model": "scripted", "messages": [{"role": "user", "content": "hi"}]}),
    ],
)
async def test_unexpected_error_is_a_response_and_is_logged(
    start_gateway: StartGateway, caplog: pytest.LogCaptureFixture, path: str, body: dict[str, object]
) -> None:
    gateway = await start_gateway(limits={"requests_per_minute": 100, "concurrent_requests": 1})
    services = gateway.services
    gateway.app.state.services = dataclasses.replace(services, backend=BrokenBackend(services.backend))
    for _ in range(2):
        response = await gateway.call("POST", path, json=body)
        assert response.status_code == 500
        content = response.json()
        assert content.get("error", content)["code"] == "internal_error"
        assert "secret" not in response.text
        assert "x-request-id" in response.headers
    await gateway.until_idle()
    logged = [each for each in caplog.records if each.levelno == logging.ERROR]
    assert [each.message for each in logged] == ["unhandled error"] * 2
    assert all(each.exc_info and each.exc_info[0] is ZeroDivisionError for each in logged)
