"""`POST /chat`, whole and streamed, on the scripted backend."""

import base64
import io

import httpx
import pytest
from PIL import Image

from app.schemas.chat import ChatRequest

from ..conftest import StartGateway
from ..gateway import Gateway
from ..shared_gateway import _leaves_no_task_running, _leaves_nothing_running, gateway, gateway_of_module

__all__ = ["_leaves_no_task_running", "_leaves_nothing_running", "gateway", "gateway_of_module"]

pytestmark = pytest.mark.anyio


def jpeg(width: int, height: int) -> str:
    file = io.BytesIO()
    Image.new("RGB", (width, height), "teal").save(file, "JPEG")
    return base64.b64encode(file.getvalue()).decode()


async def test_prompt_reaches_the_model_and_is_response_sent(gateway: Gateway) -> None:
    response = await gateway.call("POST", "/chat", json={"prompt": "你好"})
    assert response.status_code == 200
    body = response.json()
    assert body["content"] == "chat user: 你好"
    assert body["model"] == "scripted"
    assert body["finish_reason"] == "stop"
    assert body["id"] == response.headers["x-request-id"]
    assert body["usage"] == {"prompt_tokens": 1, "completion_tokens": 3, "total_tokens": 4}
    assert 0 <= body["timings"]["queue_ms"] <= body["timings"]["ttft_ms"] <= body["timings"]["total_ms"]


async def test_messages_reach_the_model_in_order(gateway: Gateway) -> None:
    messages = [
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": "hello"},
        {"role": "user", "content": "and now?"},
    ]
    response = await gateway.call("POST", "/chat", json={"messages": messages})
    assert response.json()["content"] == "chat system: be brief user: hi assistant: hello user: and now?"


async def test_images_stand_before_the_text_of_the_last_user_message(gateway: Gateway) -> None:
    body = {"prompt": "what is this?", "images": [jpeg(40, 30), f"data:image/jpeg;base64,{jpeg(20, 10)}"]}
    response = await gateway.call("POST", "/chat", json=body)
    assert response.json()["content"] == "chat user: image(40x30) image(20x10) what is this?"


async def test_stream_says_the_same_as_the_whole_response(gateway: Gateway) -> None:
    whole = (await gateway.call("POST", "/chat", json={"prompt": "one two"})).json()
    *deltas, done = await gateway.events("/chat", json={"prompt": "one two", "stream": True})
    assert {event.name for event in deltas} == {"delta"}
    assert "".join(event.data["text"] for event in deltas) == whole["content"]
    assert [event.number for event in (*deltas, done)] == [str(n + 1) for n in range(len(deltas) + 1)]
    assert done.name == "done"
    assert done.data["finish_reason"] == "stop"
    assert done.data["usage"] == whole["usage"]


async def test_max_tokens_ends_the_response(gateway: Gateway) -> None:
    response = await gateway.call("POST", "/chat", json={"prompt": "one two three", "max_tokens": 2})
    assert response.json()["finish_reason"] == "length"
    assert response.json()["usage"]["completion_tokens"] == 2


async def test_unstreamed_response_past_the_deadline_is_504(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(
        request_timeout_seconds=1, scripted={"reply": "tick " * 50, "step_seconds": 0.1}
    )
    response = await gateway.call("POST", "/chat", json={"prompt": "wait"})
    assert response.status_code == 504
    assert response.json()["code"] == "deadline_exceeded"


async def test_stream_past_the_deadline_ends_and_says_so(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(
        request_timeout_seconds=1, scripted={"reply": "tick " * 50, "step_seconds": 0.1}
    )
    *deltas, done = await gateway.events("/chat", json={"prompt": "wait", "stream": True})
    assert deltas
    assert done.data["finish_reason"] == "deadline"


async def test_client_that_leaves_aborts_the_generation(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(scripted={"reply": "tick " * 1000, "step_seconds": 0.01})
    body = {"prompt": "wait", "stream": True, "max_tokens": 2000}
    headers = await gateway.headers()
    async with gateway.client.stream("POST", "/chat", json=body, headers=headers) as response:
        async for line in response.aiter_lines():
            if line.startswith("data:"):
                break
    # The fixture waits until nothing runs; ten seconds of ticking would be too long for it.


async def test_client_that_leaves_has_used_what_was_made_for_it(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(scripted={"reply": "tick " * 1000, "step_seconds": 0.01})
    body = {"prompt": "wait for me", "stream": True, "max_tokens": 2000}
    headers = await gateway.headers()
    async with gateway.client.stream("POST", "/chat", json=body, headers=headers) as response:
        ticks = 0
        async for line in response.aiter_lines():
            ticks += line.startswith("data:")
            if ticks == 5:
                break
    await gateway.until_idle()
    await gateway.services.usage_writer.flush()
    [day] = (await gateway.call("GET", "/me/usage")).json()["days"]
    assert day["prompt_tokens"] == 3
    assert day["completion_tokens"] >= 5


async def test_client_that_leaves_an_unstreamed_request_aborts_it_too(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(scripted={"reply": "tick " * 1000, "step_seconds": 0.01})
    body = {"prompt": "wait", "max_tokens": 2000}
    with pytest.raises(httpx.ReadTimeout):
        await gateway.call("POST", "/chat", json=body, timeout=0.2)


async def test_sampling_settings_reach_the_backend(gateway: Gateway) -> None:
    body = {"prompt": "one stop two", "stop": ["stop"], "max_tokens": 50, "seed": 7}
    response = await gateway.call("POST", "/chat", json=body)
    assert response.json()["content"] == "chat user: one"


async def test_null_counts_as_absent(gateway: Gateway) -> None:
    optional = set(ChatRequest.model_fields) - {"prompt"}
    response = await gateway.call("POST", "/chat", json={"prompt": "hi", **dict.fromkeys(optional)})
    assert (response.status_code, response.json().get("content")) == (200, "chat user: hi")
    response = await gateway.call("POST", "/chat", json={"messages": [{"role": "user", "content": None}]})
    assert response.status_code == 422
    assert response.json()["errors"] == [{"field": "messages.0.content", "message": "Field required"}]
