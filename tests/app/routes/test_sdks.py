"""The official OpenAI SDK and LangChain, as they come from the package index."""

import base64
from typing import Any, Literal

import openai
import pytest
from openai.types.audio import (
    Transcription,
    TranscriptionTextDeltaEvent,
    TranscriptionTextDoneEvent,
    TranscriptionVerbose,
)
from openai.types.audio.transcription import UsageTokens
from openai.types.chat import ChatCompletionMessageParam

from ..conftest import StartGateway
from ..gateway import Gateway
from ..shared_gateway import _leaves_no_task_running, _leaves_nothing_running, gateway, gateway_of_module
from ..spoken import wav

__all__ = ["_leaves_no_task_running", "_leaves_nothing_running", "gateway", "gateway_of_module"]
from .test_chat import jpeg

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

HELLO: list[ChatCompletionMessageParam] = [{"role": "user", "content": "hello"}]
EXTRA = {"enable_thinking": True, "return_reasoning": True}


@pytest.fixture(autouse=True)
def _no_tracing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANGSMITH_TRACING", "false")


async def sdk(gateway: Gateway, **options: Any) -> openai.AsyncOpenAI:
    token = (await gateway.headers())["Authorization"].removeprefix("Bearer ")
    return openai.AsyncOpenAI(
        base_url=f"http://127.0.0.1:{gateway.port}/v1", api_key=token, max_retries=0, **options
    )


async def test_openai_completes_a_chat(gateway: Gateway) -> None:
    async with await sdk(gateway) as client:
        response = await client.chat.completions.create(
            model="scripted", messages=HELLO, extra_body=EXTRA | {"images": [jpeg(8, 6)]}
        )
    assert response.choices[0].message.content == "chat user: image(8x6) hello"
    assert response.usage is not None
    assert response.usage.total_tokens == response.usage.prompt_tokens + response.usage.completion_tokens


async def test_openai_streams_a_chat(gateway: Gateway) -> None:
    async with await sdk(gateway) as client:
        stream = await client.chat.completions.create(
            model="scripted",
            messages=HELLO,
            stream=True,
            stream_options={"include_usage": True},
            extra_body=EXTRA,
        )
        chunks = [chunk async for chunk in stream]
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == "chat user: hello"
    assert chunks[-1].usage is not None
    assert chunks[-2].choices[0].finish_reason == "stop"


async def test_openai_sends_images_and_audio(gateway: Gateway) -> None:
    recording = base64.b64encode(wav(1)).decode()
    messages: list[ChatCompletionMessageParam] = [
        {
            "role": "user",
            "content": [
                {"type": "image_url", "image_url": {"url": f"data:image/jpeg;base64,{jpeg(8, 6)}"}},
                {"type": "input_audio", "input_audio": {"data": recording, "format": "wav"}},
                {"type": "text", "text": "hello"},
            ],
        }
    ]
    async with await sdk(gateway) as client:
        response = await client.chat.completions.create(model="scripted", messages=messages)
    assert response.choices[0].message.content == "chat user: image(8x6) audio(1.0s) hello"


async def test_openai_lists_models_and_transcribes(gateway: Gateway) -> None:
    async with await sdk(gateway) as client:
        assert [model.id async for model in client.models.list()] == ["scripted"]
        transcription = await client.audio.transcriptions.create(
            model="scripted", file=("voice.wav", wav(1), "audio/wav")
        )
    assert transcription.text == "transcribe user: audio(1.0s)"


@pytest.mark.parametrize("response_format", ["json", "verbose_json", "text", "srt", "vtt"])
async def test_openai_transcribes_in_every_format(
    gateway: Gateway, response_format: Literal["json", "verbose_json", "text", "srt", "vtt"]
) -> None:
    said = "transcribe user: audio(1.0s)"
    async with await sdk(gateway) as client:
        transcription: Any = await client.audio.transcriptions.create(
            model="scripted", file=("voice.wav", wav(1), "audio/wav"), response_format=response_format
        )
    match response_format:
        case "json":
            assert isinstance(transcription, Transcription)
            assert isinstance(transcription.usage, UsageTokens)
            assert transcription.text == said
            assert transcription.usage.input_token_details is not None
            assert transcription.usage.input_token_details.audio_tokens == transcription.usage.input_tokens
        case "verbose_json":
            assert isinstance(transcription, TranscriptionVerbose)
            assert isinstance(transcription.segments, list)
            assert [segment.text for segment in transcription.segments] == [transcription.text] == [said]
            assert transcription.usage is not None
            assert transcription.usage.seconds == transcription.duration == 1.0
            TranscriptionVerbose.model_validate(transcription.model_dump(), strict=True)
        case _:
            assert isinstance(transcription, str)
            assert said in transcription


@pytest.mark.parametrize("response_format", ["json", "text"])
async def test_openai_streams_a_transcription(
    gateway: Gateway, response_format: Literal["json", "text"]
) -> None:
    async with await sdk(gateway) as client:
        stream: Any = await client.audio.transcriptions.create(
            model="scripted",
            file=("voice.wav", wav(1), "audio/wav"),
            response_format=response_format,
            stream=True,
        )
        events = [event async for event in stream]
    *deltas, done = events
    assert all(isinstance(delta, TranscriptionTextDeltaEvent) for delta in deltas)
    assert isinstance(done, TranscriptionTextDoneEvent)
    assert "".join(delta.delta for delta in deltas) == done.text == "transcribe user: audio(1.0s)"
    assert done.usage is not None
    assert done.usage.total_tokens == done.usage.input_tokens + done.usage.output_tokens > 0


async def test_openai_asks_for_times_of_segments_and_not_of_words(gateway: Gateway) -> None:
    file = ("voice.wav", wav(1), "audio/wav")
    async with await sdk(gateway) as client:
        segments = await client.audio.transcriptions.create(
            model="scripted", file=file, response_format="verbose_json", timestamp_granularities=["segment"]
        )
        assert segments.segments
        with pytest.raises(openai.BadRequestError) as refused:
            await client.audio.transcriptions.create(
                model="scripted",
                file=file,
                response_format="verbose_json",
                timestamp_granularities=["word", "segment"],
            )
    assert (refused.value.code, refused.value.param) == ("unsupported_parameter", "timestamp_granularities")


async def test_openai_understands_our_errors(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(limits={"requests_per_minute": 2})
    async with await sdk(gateway) as client:
        with pytest.raises(openai.NotFoundError) as not_found:
            await client.chat.completions.create(model="gpt-5", messages=HELLO)
        assert not_found.value.code == "model_not_found"
        await client.chat.completions.create(model="scripted", messages=HELLO)
        with pytest.raises(openai.RateLimitError) as limited:
            await client.chat.completions.create(model="scripted", messages=HELLO)
        assert limited.value.code == "rate_limit_exceeded"
    async with openai.AsyncOpenAI(
        base_url=f"http://127.0.0.1:{gateway.port}/v1", api_key="nonsense", max_retries=0
    ) as stranger:
        with pytest.raises(openai.AuthenticationError):
            await stranger.models.list()


async def test_langchain_invokes_and_streams(gateway: Gateway) -> None:
    from langchain_openai import ChatOpenAI  # a second, in each process that collects tests

    token = (await gateway.headers())["Authorization"].removeprefix("Bearer ")
    options: dict[str, Any] = {
        "model": "scripted",
        "base_url": f"http://127.0.0.1:{gateway.port}/v1",
        "api_key": token,
        "extra_body": EXTRA | {"images": [jpeg(8, 6)]},
    }
    whole = await ChatOpenAI(**options).ainvoke("hello")
    assert whole.content == "chat user: image(8x6) hello"
    assert whole.usage_metadata is not None
    streaming = ChatOpenAI(**options, streaming=True, stream_usage=True)
    assert (await streaming.ainvoke("hello")).content == whole.content
    pieces = [piece async for piece in streaming.astream("hello")]
    assert "".join(str(piece.content) for piece in pieces) == whole.content
