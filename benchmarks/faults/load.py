"""The load that runs throughout: streams, whole chats and pictures, each response judged."""

import asyncio
import io
import json
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Literal

from PIL import Image as PillowImage

from app.errors import GatewayError
from benchmarks.faults.responses import Verdict, judged, request

Kind = Literal["stream", "chat", "vision"]
KINDS: Final[tuple[Kind, ...]] = ("stream", "chat", "vision")
PAUSE_SECONDS: Final = 0.05
WIDTH, HEIGHT = 64, 48
WORDS: Final = tuple(f"word{number}" for number in range(120))
REPLY: Final = " ".join(("{prompt}", *WORDS))
MAX_TOKENS: Final[dict[Kind, int]] = {"stream": 44, "chat": 6, "vision": 6}

Expect = Callable[[Kind, str, int], str]
"""What the model says to a kind of request, a prompt and so many tokens."""


@dataclass(frozen=True, slots=True)
class Shape:
    """How many of each run at once; `prompts` None: a new one each time."""

    streams: int = 8
    chats: int = 4
    visions: int = 2
    prompts: tuple[str, ...] | None = None
    max_tokens: dict[Kind, int] = field(default_factory=lambda: MAX_TOKENS)

    def count(self, kind: Kind) -> int:
        return {"stream": self.streams, "chat": self.chats, "vision": self.visions}[kind]


@dataclass(frozen=True, slots=True)
class Sent:
    """Times of the monotonic clock, in seconds."""

    kind: Kind
    began: float
    ended: float
    verdict: Verdict


class Load:
    """Started and stopped by `measurement`; `sent` holds everything that has ended, in order."""

    def __init__(self, port: int, tokens: list[str], shape: Shape, expect: Expect | None = None) -> None:
        self.sent: list[Sent] = []
        self.running: set[float] = set()  # when each began
        self._port = port
        self._tokens = tokens
        self._shape = shape
        self._expect = expect or scripted_words
        self._documented = documented_codes()
        self._tasks: list[asyncio.Task[None]] = []
        self._is_over = False
        self._number = 0

    def start(self) -> None:
        for kind in KINDS:
            for number in range(self._shape.count(kind)):
                token = self._tokens[number % len(self._tokens)]
                self._tasks.append(asyncio.create_task(self._send_on(kind, token)))

    async def stop(self) -> None:
        """Lets what runs end."""
        self._is_over = True
        await asyncio.gather(*self._tasks)

    async def _send_on(self, kind: Kind, token: str) -> None:
        while not self._is_over:
            self._number += 1
            prompts = self._shape.prompts
            prompt = random.choice(prompts) if prompts else f"prompt{self._number}"
            tokens = self._shape.max_tokens[kind]
            began = time.monotonic()
            self.running.add(began)
            sent = make_request(kind, token, prompt, tokens)
            verdict = await judged(self._port, sent, self._expect(kind, prompt, tokens), self._documented)
            self.running.discard(began)
            self.sent.append(Sent(kind, began, time.monotonic(), verdict))
            await asyncio.sleep(PAUSE_SECONDS)


def make_request(kind: Kind, token: str, prompt: str, max_tokens: int) -> bytes:
    if kind == "vision":
        return request("/vision", token, _form(prompt, max_tokens), "multipart/form-data; boundary=BOUNDARY")
    fields = {"prompt": prompt, "max_tokens": max_tokens, "temperature": 0, "stream": kind == "stream"}
    return request("/chat", token, json.dumps(fields).encode())


def _form(prompt: str, max_tokens: int) -> bytes:
    texts = {"prompt": prompt, "max_tokens": str(max_tokens), "temperature": "0"}
    parts = [
        f'--BOUNDARY\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in texts.items()
    ]
    head = b'--BOUNDARY\r\nContent-Disposition: form-data; name="image"; filename="a.jpg"\r\n\r\n'
    return b"".join(parts) + head + SMALL_JPEG + b"\r\n--BOUNDARY--\r\n"


def _small_jpeg() -> bytes:
    file = io.BytesIO()
    PillowImage.new("RGB", (WIDTH, HEIGHT), "red").save(file, "JPEG")
    return file.getvalue()


SMALL_JPEG: Final = _small_jpeg()


def scripted_words(kind: Kind, prompt: str, max_tokens: int) -> str:
    """What the scripted backend says when its reply is `REPLY`."""
    seen = ("chat", "user:", *((f"image({WIDTH}x{HEIGHT})",) if kind == "vision" else ()), prompt)
    return " ".join((*seen, *WORDS)[:max_tokens])


def documented_codes() -> frozenset[str]:
    """Of every error that `docs/errors.md` lists."""

    def below(error: type[GatewayError]) -> list[type[GatewayError]]:
        return [error, *(inner for subclass in error.__subclasses__() for inner in below(subclass))]

    return frozenset(error.code for error in below(GatewayError))
