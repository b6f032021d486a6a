"""Photos, speech and text through the real engine and the embedded model, over HTTP."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from ..conftest import StartGateway
from ..gateway import Gateway

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.timeout(400)]

SAMPLES = Path(__file__).parents[3] / "samples"
QUESTION = "What is this?"
FEW = {"max_tokens": "8"}


def succeeded(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    assert body["model"] == "autoglm-phone-tiny"
    usage = body["usage"]
    assert usage["completion_tokens"] >= 1
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    return body


async def see(gateway: Gateway, *names: str) -> dict[str, Any]:
    files = [("image", (name, (SAMPLES / name).read_bytes())) for name in names]
    answer = await gateway.call("POST", "/vision", files=files, data=FEW | {"prompt": QUESTION})
    body = succeeded(answer)
    assert body["usage"]["completion_tokens"] <= 8
    return body


async def hear(gateway: Gateway) -> dict[str, Any]:
    files = {"audio": ("voice.m4a", (SAMPLES / "voice.m4a").read_bytes())}
    return succeeded(await gateway.call("POST", "/speech", files=files, data=FEW))


async def test_every_modality_is_answered_counted_and_given_back(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(
        backend="in_process",
        devices=("cpu",),
        request_timeout_seconds=300,
        limits={"requests_per_minute": 1000},
    )
    prompt = {"prompt": QUESTION, "max_tokens": 8}

    text = succeeded(await gateway.call("POST", "/chat", json=prompt))
    assert text["usage"]["completion_tokens"] <= 8
    without_media = text["usage"]["prompt_tokens"]

    *deltas, done = await gateway.events("/chat", json=prompt | {"stream": True})
    assert "".join(event.data["text"] for event in deltas) == text["content"]
    assert (done.data["finish_reason"], done.data["usage"]) == (text["finish_reason"], text["usage"])

    messages = [{"role": "user", "content": QUESTION}]
    completion = succeeded(
        await gateway.call(
            "POST",
            "/v1/chat/completions",
            json={"model": text["model"], "messages": messages, "max_tokens": 8, "temperature": 0},
        )
    )
    assert completion["choices"][0]["message"]["content"] == text["content"]
    assert completion["usage"]["prompt_tokens"] == without_media

    jpeg, heic = await see(gateway, "photo.jpg"), await see(gateway, "photo.heic")
    both = await see(gateway, "photo.jpg", "photo.heic")
    of_jpeg, of_heic, of_both = (
        body["usage"]["prompt_tokens"] - without_media for body in (jpeg, heic, both)
    )
    assert min(of_jpeg, of_heic) > 50, "positions of the picture are counted"
    assert of_both == of_jpeg + of_heic

    spoken = await hear(gateway)
    assert spoken["usage"]["prompt_tokens"] > 50, "positions of the sound are counted"

    again = await see(gateway, "photo.jpg")
    assert (again["content"], again["usage"]) == (jpeg["content"], jpeg["usage"])
    spoken_again = await hear(gateway)
    assert {name: spoken_again[name] for name in ("transcript", "content", "usage")} == {
        name: spoken[name] for name in ("transcript", "content", "usage")
    }
    assert succeeded(await gateway.call("POST", "/chat", json=prompt))["content"] == text["content"]

    await gateway.until_idle()
    status = gateway.services.backend.status()
    assert [(worker.running, worker.waiting, worker.kv_used) for worker in status.workers] == [(0, 0, 0)]
