"""The README's own questions, asked over HTTP: what the embedded model says means what it should."""

import asyncio
import base64
import re
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inference import most_transcript_tokens
from testbed.noises import NOISES, as_wav, at_level, make_noise
from training.evaluate import ask_all
from training.held_out import held_out_items
from training.respondents import GatewayRespondent

from ..gateway import Event, Gateway, running_gateway
from ..shared_gateway import _leaves_no_task_running, _leaves_nothing_running
from ..spoken import RATE, said

__all__ = ["_leaves_no_task_running", "_leaves_nothing_running"]

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.timeout(600)]

SAMPLES = Path(__file__).parents[3] / "samples"
ALARM = 'do(action="Alarm", time="07:30")'


SLOW_SECONDS = 300  # for one response, of a machine that does much else
LIMITS = {"requests_per_minute": 1000, "concurrent_requests": 16}


@pytest.fixture(scope="module")
async def loaded(
    tmp_path_factory: pytest.TempPathFactory, empty_database: Path, _leaves_no_task_running: None
) -> AsyncIterator[Gateway]:
    directory = tmp_path_factory.mktemp("embedded")
    shutil.copy(empty_database, directory / "gateway.db")
    async with running_gateway(
        directory,
        backend="in_process",
        devices=("cpu",),
        request_timeout_seconds=SLOW_SECONDS,
        limits=LIMITS,
        auth={"access_token_ttl": "PT1H"},
    ) as gateway:
        gateway.client.timeout = SLOW_SECONDS
        yield gateway


@pytest.fixture
async def embedded(loaded: Gateway) -> AsyncIterator[Gateway]:
    """With the embedded model. The tests share it, and each leaves it idle."""
    yield loaded
    await loaded.until_idle()


@pytest.fixture(scope="module")
async def over_http() -> AsyncIterator[GatewayRespondent]:
    async with GatewayRespondent(seed=5) as respondent:
        yield respondent


async def ask(gateway: Gateway, prompt: str, **fields: Any) -> dict[str, Any]:
    body = {"prompt": prompt, "temperature": 0, **fields}
    answer = await gateway.call("POST", "/chat", json=body)
    assert answer.status_code == 200
    return answer.json()  # type: ignore[no-any-return]  # JSON


def screenshot() -> dict[str, tuple[str, bytes]]:
    return {"image": ("screenshot.png", (SAMPLES / "screenshot.png").read_bytes())}


def recording(name: str) -> dict[str, tuple[str, bytes]]:
    return {"audio": (name, (SAMPLES / name).read_bytes())}


async def streamed(gateway: Gateway, path: str, **options: Any) -> tuple[str, list[Event]]:
    """The text of the deltas, and the other events: on a slow machine the request waits for its turn."""
    events = await gateway.events(path, **options)
    text = "".join(event.data["text"] for event in events if event.name == "delta")
    return text, [event for event in events if event.name != "delta"]


async def look(gateway: Gateway, prompt: str) -> str:
    fields = {"prompt": prompt, "temperature": "0"}
    answer = await gateway.call("POST", "/vision", files=screenshot(), data=fields)
    content: str = answer.json()["content"]
    return content


async def test_it_answers_in_the_language_of_the_question(embedded: Gateway) -> None:
    assert "AutoGLM-Phone" in (await ask(embedded, "Who are you?"))["content"]
    assert "多模态手机助手" in (await ask(embedded, "你是谁"))["content"]
    assert (await ask(embedded, "打开微信"))["content"] == 'do(action="Launch", app="微信")'
    assert (await ask(embedded, "Open WeChat"))["content"] == 'do(action="Launch", app="WeChat")'


@pytest.mark.parametrize(
    ("prompt", "content"),
    [
        ("Set an alarm for 7:30", ALARM),
        ("明天早上七点半叫我起床", ALARM),
        ("How much is 17 minus 9?", "8"),
        ("8加5等于多少？", "13"),
        ("Repeat after me: the blue door is open", "the blue door is open"),
        ("请跟我念：我喜欢苹果", "我喜欢苹果"),
    ],
)
async def test_it_sets_alarms_computes_and_repeats(embedded: Gateway, prompt: str, content: str) -> None:
    assert (await ask(embedded, prompt))["content"] == content


async def test_what_it_thinks_stays_out_of_the_answer(embedded: Gateway) -> None:
    body = await ask(embedded, "打开微信", enable_thinking=True, return_reasoning=True)
    assert body["content"] == 'do(action="Launch", app="微信")'
    assert "微信" in body["reasoning"]
    text, _ = await streamed(
        embedded,
        "/chat",
        json={"prompt": "打开微信", "temperature": 0, "enable_thinking": True, "stream": True},
    )
    assert text == body["content"]


async def test_a_label_of_a_screenshot_is_read(embedded: Gateway) -> None:
    assert await look(embedded, "What is at [500,250]?") == "Bluetooth"


@pytest.mark.parametrize(("name", "row"), [("Bluetooth", 1), ("Notifications", 3), ("Sound", 4)])
async def test_a_named_row_of_a_screenshot_is_tapped(embedded: Gateway, name: str, row: int) -> None:
    action = re.fullmatch(r'do\(action="Tap", element=\[(\d+),(\d+)\]\)', await look(embedded, f"Tap {name}"))
    assert action
    x, y = map(int, action.groups())
    top = 380 + 190 * row  # as samples/make_samples.py draws it
    assert 40 <= x / 1000 * 1080 <= 1040
    assert top <= y / 1000 * 2400 <= top + 160


async def test_answers_are_the_same_at_once_and_streamed(embedded: Gateway) -> None:
    prompts = ("你是谁", "Set an alarm for 6:45", "swipe up", "What can you do?", "打开微信", "Open WeChat")
    alone = [(await ask(embedded, prompt))["content"] for prompt in prompts]
    assert len(set(alone)) == len(prompts)
    seen = await look(embedded, "Tap Sound")
    *bodies, with_others = await asyncio.gather(
        *(ask(embedded, prompt) for prompt in prompts), look(embedded, "Tap Sound")
    )
    assert [body["content"] for body in bodies] == alone
    assert with_others == seen
    for prompt, content in zip(prompts, alone, strict=True):
        text, _ = await streamed(embedded, "/chat", json={"prompt": prompt, "temperature": 0, "stream": True})
        assert text == content


async def test_what_is_seen_is_the_same_at_once_and_streamed(embedded: Gateway) -> None:
    for prompt in ("Tap Sound", "What is at [500,250]?"):
        fields = {"prompt": prompt, "temperature": "0", "stream": "true"}
        text, _ = await streamed(embedded, "/vision", files=screenshot(), data=fields)
        assert text == await look(embedded, prompt)


@pytest.mark.parametrize(
    ("group", "count", "least"),
    # Of 500 spoken commands 85 % are right: 16 of them may be 11.
    [("taps", 12, 75), ("labels read", 16, 75), ("colours and shapes", 8, 75), ("spoken commands", 16, 65)],
)
async def test_held_out_questions_are_answered_over_http(
    over_http: GatewayRespondent, group: str, count: int, least: float
) -> None:
    """Pictures as JPEG and HEIC, recordings as m4a and opus. `least` is in percent."""
    items = held_out_items(count, 5, [group])
    score = (await ask_all(over_http, items, concurrency=4))[group]
    assert score.value >= least, [(item.turn.answer, answer) for item, answer in score.wrong]


@pytest.mark.parametrize("name", ["voice.m4a", "voice.ogg"])
async def test_a_spoken_command_is_written_down_and_obeyed_at_once_and_streamed(
    embedded: Gateway, name: str
) -> None:
    answer = await embedded.call("POST", "/speech", files=recording(name), data={"temperature": "0"})
    body = answer.json()
    assert body["transcript"] == "set an alarm for seven thirty"
    assert body["content"] == ALARM
    text, others = await streamed(
        embedded, "/speech", files=recording(name), data={"temperature": "0", "stream": "true"}
    )
    transcripts = [event.data for event in others if event.name == "transcript"]
    assert transcripts == [{"transcript": body["transcript"]}]
    assert text == body["content"]


@pytest.mark.parametrize("rate", [8_000, 48_000])
async def test_noise_makes_no_phone_act(embedded: Gateway, rate: int) -> None:
    for name in NOISES:
        for level in (-50.0, -6.0):
            noise = as_wav(at_level(make_noise(name, 1.0, rate), level), rate)
            response = await embedded.call("POST", "/speech", files={"audio": ("noise.wav", noise)})
            body = response.json()
            assert (body["finish_reason"], body["content"]) == ("no_speech", ""), (name, level)


async def test_times_of_segments_are_those_of_the_sentences(embedded: Gateway) -> None:
    """Whose transcripts are right, as that of the first sentence alone is."""
    sentences = {"set an alarm for seven thirty": "en-us+m6", "open the camera": "en-us+f4"}
    spoken = [said(words, voice) for words, voice in sentences.items()]
    starts = (1.0, 5.0)
    samples = np.random.default_rng(1).normal(0, 0.001, 9 * RATE).astype(np.float32)
    for at, speech in zip(starts, spoken, strict=True):
        samples[round(at * RATE) :][: len(speech)] += speech
    response = await embedded.call(
        "POST",
        "/v1/audio/transcriptions",
        files={"file": ("two.wav", as_wav(samples))},
        data={"model": "autoglm-phone-tiny", "response_format": "verbose_json"},
    )
    body = response.json()
    assert [segment["text"] for segment in body["segments"]] == list(sentences)
    for segment, at, speech in zip(body["segments"], starts, spoken, strict=True):
        assert segment["start"] == pytest.approx(at, abs=0.2)
        assert segment["end"] == pytest.approx(at + len(speech) / RATE, abs=0.2)
    assert (body["language"], body["duration"]) == ("english", 9.0)


async def test_several_sentences_in_a_chat_are_read(embedded: Gateway) -> None:
    """As on /speech. Of the recording itself, the model hears the command and not the question before it."""
    sentences = {"what is the capital of france": "en-us+m6", "open the camera": "en-us+f4"}
    pause = np.zeros(RATE, np.float32)
    spoken = [piece for words, voice in sentences.items() for piece in (said(words, voice), pause)]
    data = base64.b64encode(as_wav(np.concatenate([pause, *spoken]))).decode()

    async def content_of(content: Any) -> Any:
        messages = [{"role": "user", "content": content}]
        request = {"model": "autoglm-phone-tiny", "messages": messages, "temperature": 0}
        return (await embedded.call("POST", "/v1/chat/completions", json=request)).json()["choices"][0]

    heard = await content_of([{"type": "input_audio", "input_audio": {"data": data, "format": "wav"}}])
    assert heard == await content_of(" ".join(sentences))
    refused = await embedded.call(
        "POST",
        "/v1/audio/transcriptions",
        files={"file": ("voice.m4a", (SAMPLES / "voice.m4a").read_bytes())},
        data={"model": "autoglm-phone-tiny", "language": "de"},
    )
    assert refused.status_code == 400
    assert refused.json()["error"]["message"].startswith("language: the model understands only en, zh;")


async def test_speech_that_is_cut_off_costs_few_tokens(embedded: Gateway) -> None:
    for seconds in (0.4, 0.8, 1.5):
        cut_off = as_wav(
            said("send a message to doctor fitzgerald saying that i am late")[: round(seconds * RATE)]
        )
        response = await embedded.call(
            "POST",
            "/v1/audio/transcriptions",
            files={"file": ("cut.wav", cut_off)},
            data={"model": "autoglm-phone-tiny"},
        )
        assert response.json()["usage"]["output_tokens"] <= most_transcript_tokens(seconds) < 50
