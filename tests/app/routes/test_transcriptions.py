"""`POST /v1/audio/transcriptions`: shapes, bytes, and what its clients expect."""

import pytest

from ..gateway import Gateway
from .test_openai import assert_no_nulls, wav

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("hints", [{}, {"language": "zh", "prompt": "names: 微信"}])
async def test_transcription_asks_for_the_words_alone(gateway: Gateway, hints: dict[str, str]) -> None:
    files = {"file": ("voice.wav", wav(2), "audio/wav")}
    answer = await gateway.call(
        "POST", "/v1/audio/transcriptions", files=files, data={"model": "scripted", **hints}
    )
    assert answer.status_code == 200
    assert answer.json()["text"] == "transcribe user: audio(2.0s)"
    assert_no_nulls(answer.json())


async def test_transcription_as_plain_text(gateway: Gateway) -> None:
    files = {"file": ("voice.wav", wav(2), "audio/wav")}
    data = {"model": "scripted", "response_format": "text"}
    answer = await gateway.call("POST", "/v1/audio/transcriptions", files=files, data=data)
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.text == "transcribe user: audio(2.0s)\n"
