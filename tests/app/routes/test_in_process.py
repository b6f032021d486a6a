"""Photos, speech and text through the real engine and the embedded model, over HTTP."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from inference import InvalidCheckpoint
from testbed.noises import as_wav, at_level, make_noise

from ...inference.tiny_checkpoints import write_glm4
from ...inference.tiny_whisper import write_whisper
from ..conftest import StartGateway
from ..gateway import Gateway

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.timeout(400)]

SAMPLES = Path(__file__).parents[3] / "samples"
QUESTION = "What is this?"
FEW = {"max_tokens": "8"}


def succeeded(response: httpx.Response) -> dict[str, Any]:
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.json()
    assert body["model"] == "autoglm-phone-tiny"
    usage = body["usage"]
    assert usage["completion_tokens"] >= 1
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    return body


async def see(gateway: Gateway, *names: str) -> dict[str, Any]:
    files = [("image", (name, (SAMPLES / name).read_bytes())) for name in names]
    response = await gateway.call("POST", "/vision", files=files, data=FEW | {"prompt": QUESTION})
    body = succeeded(response)
    assert body["usage"]["completion_tokens"] <= 8
    return body


async def hear(gateway: Gateway) -> dict[str, Any]:
    files = {"audio": ("voice.m4a", (SAMPLES / "voice.m4a").read_bytes())}
    return succeeded(await gateway.call("POST", "/speech", files=files, data=FEW))


async def test_every_modality_is_response_sent_counted_and_given_back(start_gateway: StartGateway) -> None:
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

    *others, done = await gateway.events("/chat", json=prompt | {"stream": True})
    deltas = [event for event in others if event.name == "delta"]  # on a slow machine it is queued first
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


async def test_model_that_cannot_hear_answers_what_a_whisper_model_heard(
    start_gateway: StartGateway, tmp_path: Path
) -> None:
    """Both with random weights: what one writes is what the other is asked."""
    chat, ears = tmp_path / "chat", tmp_path / "ears"
    chat.mkdir()
    write_glm4(chat)
    write_whisper(ears)
    gateway = await start_gateway(
        backend="in_process",
        model=str(chat),
        speech_recognition_model=str(ears),
        devices=("cpu",),
        request_timeout_seconds=300,
        limits={"requests_per_minute": 1000},
    )
    assert (await gateway.call("GET", "/limits")).json()["modalities"] == ["audio", "text"]
    recording = {"audio": ("voice.m4a", (SAMPLES / "voice.m4a").read_bytes())}
    plain = {"max_tokens": "8", "temperature": "0"}

    spoken = (await gateway.call("POST", "/speech", files=recording, data=plain)).json()
    transcript = spoken["transcript"]
    assert len(transcript) > 8
    written = (
        await gateway.call("POST", "/chat", json={"prompt": transcript, "max_tokens": 8, "temperature": 0})
    ).json()
    assert spoken["content"] == written["content"]

    first, *rest = await gateway.events("/speech", files=recording, data=plain | {"stream": "true"})
    assert (first.name, first.data) == ("transcript", {"transcript": transcript})
    assert "".join(event.data["text"] for event in rest[:-1]) == spoken["content"]
    assert rest[-1].data["usage"] == spoken["usage"]

    again = {"file": recording["audio"]}
    transcription = await gateway.call(
        "POST", "/v1/audio/transcriptions", files=again, data={"model": "chat"}
    )
    assert transcription.json()["text"] == transcript
    verbose = await gateway.call(
        "POST",
        "/v1/audio/transcriptions",
        files=again,
        data={"model": "chat", "response_format": "verbose_json"},
    )
    assert verbose.json()["language"].isdigit(), "a code of the Whisper model, which has names for few"
    chinese = await gateway.call(
        "POST",
        "/v1/audio/transcriptions",
        files=again,
        data={"model": "chat", "response_format": "verbose_json", "language": "zh-CN"},
    )
    assert chinese.json()["language"] == "chinese"
    assert chinese.json()["text"] != transcript, "another token begins what the model writes"
    french = await gateway.call(
        "POST", "/v1/audio/transcriptions", files=again, data={"model": "chat", "language": "fr"}
    )
    assert (french.status_code, french.json()["error"]["param"]) == (400, "language")
    for name in ("zeros", "hum of 50 Hz", "pink", "chords"):
        noise = {"audio": ("noise.wav", as_wav(at_level(make_noise(name, 1.0), -12)))}
        silent = (await gateway.call("POST", "/speech", files=noise, data=plain)).json()
        assert (silent["finish_reason"], silent["content"]) == ("no_speech", ""), name
    photo = {"image": ("photo.jpg", (SAMPLES / "photo.jpg").read_bytes())}
    seen = await gateway.call("POST", "/vision", files=photo, data=plain | {"prompt": QUESTION})
    assert (seen.status_code, seen.json()["code"]) == (422, "modality_not_supported")
    await gateway.until_idle()


async def test_setting_that_names_no_whisper_model_is_one_sentence(
    start_gateway: StartGateway, tmp_path: Path
) -> None:
    write_glm4(tmp_path)
    with pytest.raises(InvalidCheckpoint, match="is not a Whisper model; name one"):
        await start_gateway(backend="in_process", devices=("cpu",), speech_recognition_model=str(tmp_path))
