"""Streamed completions of `/v1`, held open: whether each has begun, and how it ended."""

import asyncio
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

import httpx

END_OF_TEXT: Final = ("4082", "4084")  # of the embedded model
NEVER: Final = -100
SECONDS: Final = 90.0


def body_of(prompt: str, max_tokens: int, model: str = "autoglm-phone-tiny") -> dict[str, Any]:
    """The model writes `max_tokens` tokens, the same ones each time."""
    return {
        "model": model,
        "messages": [{"role": "user", "content": prompt}],
        "max_tokens": max_tokens,
        "temperature": 0,
        "logit_bias": dict.fromkeys(END_OF_TEXT, NEVER),
        "stream": True,
    }


@dataclass(slots=True, eq=False)
class ChatStream:
    """`errors` are those of events, `refusal` is a response that is no stream, `lost` why it had no end."""

    task: "asyncio.Task[None]" = field(init=False)
    status: int = 0
    text: str = ""
    finish_reason: str | None = None
    errors: list[dict[str, Any]] = field(default_factory=list)
    refusal: bytes = b""
    lost: str = ""

    @property
    def has_begun(self) -> bool:
        return bool(self.text)

    @property
    def runs(self) -> bool:
        return self.has_begun and not self.task.done()

    @property
    def is_whole(self) -> bool:
        return self.finish_reason is not None and not self.errors and not self.lost

    @property
    def outcome(self) -> tuple[object, ...]:
        return self.status, self.text, self.finish_reason, self.errors, self.refusal, self.lost

    def read(self, event: Mapping[str, Any]) -> None:
        if "error" in event:
            self.errors.append(event["error"])
            return
        for choice in event["choices"]:
            self.text += choice["delta"].get("content") or ""
            self.finish_reason = choice.get("finish_reason") or self.finish_reason


class ChatStreams:
    """Opens streams at one gateway. At its end it leaves those that run, as clients that go away do."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client
        self._changed = asyncio.Event()
        self.all: list[ChatStream] = []

    @property
    def running(self) -> int:
        return sum(each.runs for each in self.all)

    def open(self, body: Mapping[str, Any], count: int = 1) -> list[ChatStream]:
        opened = []
        for _ in range(count):
            stream = ChatStream()
            stream.task = asyncio.create_task(self._run(stream, body))
            stream.task.add_done_callback(lambda _: self._tell())
            opened.append(stream)
        self.all += opened
        return opened

    async def until(self, is_so: Callable[[], bool], seconds: float | None = SECONDS) -> None:
        """Looks at each event of a stream. Raises TimeoutError."""
        async with asyncio.timeout(seconds):
            while not is_so():
                await self._changed.wait()

    async def end(self, streams: Iterable[ChatStream]) -> None:
        """Waits until they have ended by themselves. Raises TimeoutError."""
        awaited = list(streams)
        await self.until(lambda: all(each.task.done() for each in awaited))

    async def leave(self, streams: Iterable[ChatStream]) -> None:
        tasks = [each.task for each in streams]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.leave(self.all)

    def _tell(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def _run(self, stream: ChatStream, body: Mapping[str, Any]) -> None:
        try:
            async with self._client.stream("POST", "/v1/chat/completions", json=body) as response:
                stream.status = response.status_code
                if response.status_code != 200:
                    stream.refusal = await response.aread()
                    return
                async for line in response.aiter_lines():
                    if line.startswith("data: ") and line != "data: [DONE]":
                        stream.read(json.loads(line.removeprefix("data: ")))
                        self._tell()
        except httpx.TransportError as error:
            stream.lost = repr(error)
