"""Calls of requests that have ended."""

import gc

import pytest

from app.http.call import Call

from ..conftest import StartGateway

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("is_stream", [False, True])
async def test_request_leaves_nothing_for_the_garbage_collector(
    start_gateway: StartGateway, is_stream: bool
) -> None:
    gateway = await start_gateway(limits={"requests_per_minute": 100, "concurrent_requests": 10})
    headers = await gateway.headers()
    body = {"model": "scripted", "messages": [{"role": "user", "content": "hi"}], "stream": is_stream}
    gc.collect()
    gc.disable()
    try:
        for _ in range(3):
            response = await gateway.client.post("/v1/chat/completions", headers=headers, json=body)
            assert response.status_code == 200, response.text
        await gateway.until_idle()
        assert not [each for each in gc.get_objects() if isinstance(each, Call)]
    finally:
        gc.enable()
