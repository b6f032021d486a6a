"""The official OpenAI SDK and LangChain, as they come from the package index."""

import base64
from typing import Any

import openai
import pytest
from langchain_openai import ChatOpenAI
from openai.types.chat import ChatCompletionMessageParam

from ..conftest import StartGateway
from ..gateway import Gateway
from .test_chat import jpeg
from .test_openai import wav

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
        answer = await client.chat.completions.create(
            model="scripted", messages=HELLO, extra_body=EXTRA | {"images": [jpeg(8, 6)]}
        )
    assert answer.choices[0].message.content == "chat user: image(8x6) hello"
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


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
        answer = await client.chat.completions.create(model="scripted", messages=messages)
    assert answer.choices[0].message.content == "chat user: image(8x6) audio(1.0s) hello"


async def test_openai_lists_models_and_transcribes(gateway: Gateway) -> None:
    async with await sdk(gateway) as client:
        assert [model.id async for model in client.models.list()] == ["scripted"]
        transcription = await client.audio.transcriptions.create(
            model="scripted", file=("voice.wav", wav(1), "audio/wav")
        )
    assert transcription.text == "transcribe user: audio(1.0s)"


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
