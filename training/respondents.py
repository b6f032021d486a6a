"""Who answers the evaluation's questions: the bare engine, or a gateway over HTTP with a phone's files."""

import asyncio
import io
import itertools
import json
import random
from contextlib import AsyncExitStack
from typing import Protocol, Self

import httpx
import pillow_heif
from PIL import Image as PillowImage

from inference import (
    Audio,
    BackendConfig,
    EngineConfig,
    GenerationRequest,
    Image,
    Message,
    SamplingParams,
    Task,
    Text,
    build_backend,
)
from testbed.gateways import gateway
from training.held_out import Item
from training.speech.audio_files import encode
from training.speech.codecs import Codec

MAX_TOKENS = 200
GREEDY = SamplingParams(max_tokens=MAX_TOKENS, temperature=0.0)
OPUS_RATE = 24_000  # bit/s; both are held out from training
AAC_RATE = 64_000
JPEG_QUALITIES = range(60, 96)


class Respondent(Protocol):
    name: str

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *error: object) -> None: ...

    async def ask(self, item: Item) -> str: ...


class EngineRespondent:
    """The engine in this process, asked with the examples' own pixels and samples."""

    def __init__(self, model: str, device: str, quantization: str, is_thinking: bool = False) -> None:
        self.name = f"{model.rstrip('/').rpartition('/')[2]} {quantization}{' thinking' * is_thinking}"
        self._is_thinking = is_thinking
        engine = EngineConfig(
            model=model,
            devices=(device,),
            quantization="int8" if quantization == "int8" else "none",
            max_waiting_requests=1024,
        )
        self._backend = build_backend(BackendConfig(("in_process",), engine))
        self._numbers = itertools.count()

    async def __aenter__(self) -> Self:
        await self._backend.start()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._backend.aclose(0)

    async def ask(self, item: Item) -> str:
        messages = item.turn.messages
        if item.media is not None:
            messages = (*messages[:-1], Message("user", (item.media, *messages[-1].parts)))
        task: Task = "transcribe" if item.is_transcription else "chat"
        is_thinking = self._is_thinking and task == "chat"
        request = GenerationRequest(
            str(next(self._numbers)), messages, GREEDY, enable_thinking=is_thinking, task=task
        )
        stream = self._backend.generate(request)
        try:
            return "".join([delta.text async for delta in stream])
        finally:
            await stream.aclose()


class GatewayRespondent:
    """A gateway of its own on loopback: `/chat`, `/vision` with JPEG or HEIC, `/speech` with m4a or opus."""

    name = "over HTTP"

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        settings = {"GATEWAY_BACKEND": "in_process", "GATEWAY_REQUEST_TIMEOUT_SECONDS": "60"}
        port, _, token = self._stack.enter_context(gateway(scope="chat vision speech", **settings))
        self._client = await self._stack.enter_async_context(
            httpx.AsyncClient(
                base_url=f"http://127.0.0.1:{port}",
                headers={"Authorization": f"Bearer {token}"},
                timeout=120,
            )
        )
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._stack.aclose()

    async def ask(self, item: Item) -> str:
        match item.media:
            case None:
                return await self._chat(item)
            case Image():
                name, body = await asyncio.to_thread(encode_picture, item.media, self._rng(item))
                question = {"prompt": item.question}
                answer = await self._post("/vision", {"image": (name, body)}, question)
            case Audio():
                name, body = await asyncio.to_thread(encode_recording, item.media, self._rng(item))
                answer = await self._post("/speech", {"audio": (name, body)}, {"prompt": item.question})
        return str(answer["transcript" if item.is_transcription else "content"])

    def _rng(self, item: Item) -> random.Random:
        """The same for the same question, in whatever order the questions are asked."""
        return random.Random(f"{self._seed} {item.question} {item.turn.answer}")

    async def _chat(self, item: Item) -> str:
        messages = [
            {"role": message.role, "content": "".join(p.text for p in message.parts if isinstance(p, Text))}
            for message in item.turn.messages
        ]
        body = {"messages": messages, "temperature": 0, "max_tokens": MAX_TOKENS}
        response = await self._client.post("/chat", json=body)
        return str(response.raise_for_status().json()["content"])

    async def _post(
        self, path: str, files: dict[str, tuple[str, bytes]], fields: dict[str, str]
    ) -> dict[str, object]:
        fields = {name: value for name, value in fields.items() if value}
        fields |= {"temperature": "0", "max_tokens": str(MAX_TOKENS)}
        response = await self._client.post(path, files=files, data=fields)
        answer: dict[str, object] = json.loads(response.raise_for_status().content)
        return answer


def encode_picture(image: Image, rng: random.Random) -> tuple[str, bytes]:
    """Returns a file's name and bytes. Phones, too, spend no seconds on encoding HEIC."""
    buffer, picture = io.BytesIO(), PillowImage.fromarray(image.pixels)
    if rng.random() < 0.5:
        picture.save(buffer, "JPEG", quality=rng.choice(JPEG_QUALITIES))
        return "photo.jpg", buffer.getvalue()
    pillow_heif.from_pillow(picture).save(
        buffer, quality=rng.choice(JPEG_QUALITIES), enc_params={"preset": "ultrafast"}
    )
    return "photo.heic", buffer.getvalue()


def encode_recording(audio: Audio, rng: random.Random) -> tuple[str, bytes]:
    """Returns a file's name and bytes."""
    name, codec = rng.choice([("voice.m4a", Codec("aac", AAC_RATE)), ("voice.ogg", Codec("opus", OPUS_RATE))])
    return name, encode(audio.samples, codec)
