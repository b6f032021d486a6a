"""The README's own questions, asked over HTTP: what the embedded model says means what it should."""

from pathlib import Path
from typing import Any

import pytest

from ..conftest import StartGateway
from ..gateway import Gateway

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.timeout(400)]

SAMPLES = Path(__file__).parents[3] / "samples"
ALARM = 'do(action="Alarm", time="07:30")'


async def start(start_gateway: StartGateway) -> Gateway:
    limits = {"requests_per_minute": 1000}
    return await start_gateway(
        backend="in_process", devices=("cpu",), request_timeout_seconds=300, limits=limits
    )


async def ask(gateway: Gateway, prompt: str, **fields: Any) -> dict[str, Any]:
    body = {"prompt": prompt, "temperature": 0, **fields}
    answer = await gateway.call("POST", "/chat", json=body)
    assert answer.status_code == 200
    return answer.json()  # type: ignore[no-any-return]  # JSON


async def test_it_answers_in_the_language_of_the_question(start_gateway: StartGateway) -> None:
    embedded = await start(start_gateway)
    assert "AutoGLM-Phone" in (await ask(embedded, "Who are you?"))["content"]
    assert "多模态手机助手" in (await ask(embedded, "你是谁"))["content"]
    assert (await ask(embedded, "打开微信"))["content"] == 'do(action="Launch", app="微信")'
    assert (await ask(embedded, "Open WeChat"))["content"] == 'do(action="Launch", app="WeChat")'


async def test_what_it_thinks_stays_out_of_the_answer(start_gateway: StartGateway) -> None:
    embedded = await start(start_gateway)
    body = await ask(embedded, "打开微信", enable_thinking=True, return_reasoning=True)
    assert body["content"] == 'do(action="Launch", app="微信")'
    assert "微信" in body["reasoning"]
    *deltas, _ = await embedded.events(
        "/chat", json={"prompt": "打开微信", "temperature": 0, "enable_thinking": True, "stream": True}
    )
    assert "".join(event.data["text"] for event in deltas) == body["content"]


async def test_a_label_of_a_screenshot_is_read(start_gateway: StartGateway) -> None:
    embedded = await start(start_gateway)
    files = {"image": ("screenshot.png", (SAMPLES / "screenshot.png").read_bytes())}
    fields = {"prompt": "What is at [500,250]?", "temperature": "0"}
    answer = await embedded.call("POST", "/vision", files=files, data=fields)
    assert answer.json()["content"] == "Bluetooth"


@pytest.mark.parametrize("name", ["voice.m4a", "voice.ogg"])
async def test_a_spoken_command_is_written_down_and_obeyed(start_gateway: StartGateway, name: str) -> None:
    embedded = await start(start_gateway)
    files = {"audio": (name, (SAMPLES / name).read_bytes())}
    answer = await embedded.call("POST", "/speech", files=files, data={"temperature": "0"})
    body = answer.json()
    assert body["transcript"] == "set an alarm for seven thirty"
    assert body["content"] == ALARM
