"""`POST /v1/audio/transcriptions`: shapes, bytes, and what its clients expect."""

import json
from typing import Any

import pytest

from inference import most_transcript_tokens
from testbed.noises import as_wav, at_level, make_noise

from ..conftest import StartGateway
from ..gateway import Gateway
from ..recording_backend import record_requests
from ..shared_gateway import _leaves_no_task_running, _leaves_nothing_running, gateway, gateway_of_module
from ..spoken import two_sentences, wav

__all__ = ["_leaves_no_task_running", "_leaves_nothing_running", "gateway", "gateway_of_module"]
from .test_openai import ALWAYS_THERE, assert_no_nulls

pytestmark = pytest.mark.anyio

ROUTE = "/v1/audio/transcriptions"
NOBODY = as_wav(at_level(make_noise("pink", 2.0), -12))


async def transcribe(gateway: Gateway, content: bytes, **fields: Any) -> Any:
    files = {"file": ("voice.wav", content, "audio/wav")}
    return await gateway.call("POST", ROUTE, files=files, data={"model": "scripted", **fields})


@pytest.mark.parametrize("hints", [{}, {"language": "zh", "prompt": "names: 微信", "temperature": "0.2"}])
async def test_transcription_asks_for_the_words_alone(gateway: Gateway, hints: dict[str, str]) -> None:
    response = await transcribe(gateway, wav(2), **hints)
    assert response.status_code == 200
    assert response.json()["text"] == "transcribe user: audio(2.0s)"
    assert_no_nulls(response.json())


@pytest.mark.parametrize(
    ("said", "code", "name"),
    [("de", "de", "german"), ("zh_CN", "zh", "chinese"), ("English", "en", "english"), ("", "", "english")],
)
async def test_language_reaches_the_model_as_a_code(
    gateway: Gateway, said: str, code: str, name: str
) -> None:
    requests = record_requests(gateway)
    response = await transcribe(gateway, two_sentences(), language=said, response_format="verbose_json")
    assert (response.status_code, response.json()["language"]) == (200, name)
    assert {request.language for request in requests} == {code}


@pytest.mark.parametrize("language", ["klingon", "xx", "英语", "e"])
async def test_what_is_no_language_is_refused(gateway: Gateway, language: str) -> None:
    response = await transcribe(gateway, wav(1), language=language)
    error = response.json()["error"]
    assert (response.status_code, error["param"], error["code"]) == (400, "language", "unsupported_parameter")
    assert error["message"].startswith("language: send a code of ISO 639-1, such as en")


async def test_usage_has_openai_shape(gateway: Gateway) -> None:
    response = (await transcribe(gateway, wav(2))).json()
    assert response.keys() == ALWAYS_THERE | {"text", "usage"}
    assert response["usage"] == {
        "type": "tokens",
        "input_tokens": 51,
        "output_tokens": 3,
        "total_tokens": 54,
        "input_token_details": {"audio_tokens": 51, "text_tokens": 0},
    }


async def test_transcription_as_plain_text(gateway: Gateway) -> None:
    response = await transcribe(gateway, wav(2), response_format="text")
    assert response.headers["content-type"].startswith("text/plain")
    assert response.text == "transcribe user: audio(2.0s)\n"


async def test_verbose_transcription_has_segments_with_times(gateway: Gateway) -> None:
    response = (await transcribe(gateway, two_sentences(), response_format="verbose_json")).json()
    assert_no_nulls(response)
    assert response["task"] == "transcribe"
    assert (response["language"], response["duration"]) == ("english", 16.0)
    assert response["usage"] == {"type": "duration", "seconds": 16.0}
    first, second = response["segments"]
    assert [first["start"], first["end"]] == pytest.approx([1, 7], abs=0.2)
    assert [second["start"], second["end"]] == pytest.approx([9, 15], abs=0.2)
    assert (first["id"], second["id"], second["seek"]) == (0, 1, round(second["start"] * 100))
    assert first["text"].startswith("transcribe user: audio(6.")
    assert response["text"] == f"{first['text']} {second['text']}"
    assert 0 <= first["no_speech_prob"] < 0.5
    assert first["compression_ratio"] > 0


async def test_plain_transcription_hears_sentences_together(gateway: Gateway) -> None:
    response = (await transcribe(gateway, two_sentences())).json()
    assert response["text"].startswith("transcribe user: audio(14."), "without what surrounds the speech"


@pytest.mark.parametrize(
    ("response_format", "content_type", "begin"),
    [("srt", "application/x-subrip", "1\n00:00:0"), ("vtt", "text/vtt", "WEBVTT\n\n00:00:0")],
)
async def test_subtitles(gateway: Gateway, response_format: str, content_type: str, begin: str) -> None:
    response = await transcribe(gateway, two_sentences(), response_format=response_format)
    assert response.status_code == 200
    assert response.headers["content-type"] == f"{content_type}; charset=utf-8"
    assert response.text.startswith(begin)
    assert response.text.count(" --> ") == 2
    assert response.text.endswith("\n\n")


async def test_stream_has_openai_events(gateway: Gateway) -> None:
    files = {"file": ("voice.wav", wav(2), "audio/wav")}
    response = await gateway.call("POST", ROUTE, files=files, data={"model": "scripted", "stream": "true"})
    assert response.headers["content-type"].startswith("text/event-stream")
    lines = [line for line in response.text.split("\n") if line and not line.startswith(":")]
    assert all(line.startswith("data: ") for line in lines)
    assert lines.pop() == "data: [DONE]"
    *deltas, done = [json.loads(line.removeprefix("data: ")) for line in lines]
    assert {delta["type"] for delta in deltas} == {"transcript.text.delta"}
    assert "".join(delta["delta"] for delta in deltas) == "transcribe user: audio(2.0s)"
    assert (done["type"], done["text"]) == ("transcript.text.done", "transcribe user: audio(2.0s)")
    assert done["usage"]["total_tokens"] == 54


@pytest.mark.parametrize("noise", ["zeros", "hum of 50 Hz", "pink", "melody", "keyboard"])
async def test_without_speech_the_transcript_is_empty(gateway: Gateway, noise: str) -> None:
    recording = as_wav(at_level(make_noise(noise, 1.0, 8_000), -12), 8_000)
    response = await transcribe(gateway, recording)
    assert (response.status_code, response.json()["text"]) == (200, "")
    assert response.json()["usage"]["total_tokens"] == 0


@pytest.mark.parametrize(
    ("response_format", "body"), [("text", "\n"), ("srt", ""), ("vtt", "WEBVTT\n\n")], ids=str
)
async def test_every_format_without_speech(gateway: Gateway, response_format: str, body: str) -> None:
    response = await transcribe(gateway, NOBODY, response_format=response_format)
    assert (response.status_code, response.text) == (200, body)


async def test_verbose_transcription_and_stream_without_speech(gateway: Gateway) -> None:
    verbose = (await transcribe(gateway, NOBODY, response_format="verbose_json")).json()
    assert (verbose["segments"], verbose["language"], verbose["duration"]) == ([], "unknown", 2.0)
    streamed = await transcribe(gateway, NOBODY, stream="true")
    event = json.loads(streamed.text.split("data: ")[1])
    assert (event["type"], event["text"]) == ("transcript.text.done", "")


@pytest.mark.parametrize(
    ("fields", "param", "code"),
    [
        ({"timestamp_granularities[]": "word"}, "timestamp_granularities", "unsupported_parameter"),
        (
            {"timestamp_granularities[]": ["segment", "word"]},
            "timestamp_granularities",
            "unsupported_parameter",
        ),
        ({"timestamp_granularities[]": "segment"}, "timestamp_granularities", "invalid_request"),
        ({"timestamp_granularities[]": "letter"}, "timestamp_granularities.0", "invalid_request"),
        ({"include[]": "logprobs"}, "include", "unsupported_parameter"),
        ({"stream": "true", "response_format": "srt"}, "stream", "unsupported_parameter"),
        ({"response_format": "diarized_json"}, "response_format", "invalid_request"),
    ],
)
async def test_what_is_not_done_is_refused(
    gateway: Gateway, fields: dict[str, Any], param: str, code: str
) -> None:
    if param == "timestamp_granularities" and code == "unsupported_parameter":
        fields = fields | {"response_format": "verbose_json"}
    response = await transcribe(gateway, wav(1), **fields)
    error = response.json()["error"]
    status = 400 if code == "unsupported_parameter" else 422
    assert (response.status_code, error["param"], error["code"]) == (status, param, code)


async def test_granularity_of_segments_is_what_there_is(gateway: Gateway) -> None:
    fields = {"response_format": "verbose_json", "timestamp_granularities[]": "segment"}
    response = await transcribe(gateway, wav(1), **fields)
    assert len(response.json()["segments"]) == 1


async def test_tokens_are_capped_by_the_length_of_the_speech(start_gateway: StartGateway) -> None:
    words = " ".join(f"word{number}" for number in range(1_000))
    gateway = await start_gateway(scripted={"reply": words})
    response = (await transcribe(gateway, wav(1.5))).json()
    assert response["usage"]["output_tokens"] <= most_transcript_tokens(1.5) == 46
    assert response["usage"]["output_tokens"] > 40


async def test_loop_ends_before_the_cap(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(scripted={"reply": "thank you " * 1_000})
    response = (await transcribe(gateway, wav(20))).json()
    assert response["usage"]["output_tokens"] < 20
    assert response["text"] == "thank you"


async def test_long_recording_has_a_long_transcript(start_gateway: StartGateway) -> None:
    words = " ".join(f"word{number}" for number in range(500))
    gateway = await start_gateway(scripted={"reply": words})
    response = (await transcribe(gateway, wav(90))).json()
    assert response["text"].count("word0 ") >= 3, "each half minute is transcribed"
    assert response["usage"]["output_tokens"] > 1_024


async def test_openapi_document_has_every_format(gateway: Gateway) -> None:
    document = (await gateway.client.get("/openapi.json")).json()
    content = document["paths"][ROUTE]["post"]["responses"]["200"]["content"]
    assert content.keys() == {
        *("application/json", "text/event-stream", "text/plain", "application/x-subrip", "text/vtt")
    }
    names = {option["$ref"].rpartition("/")[2] for option in content["application/json"]["schema"]["oneOf"]}
    assert names == {"Transcription", "VerboseTranscription"}
    assert names < document["components"]["schemas"].keys()
