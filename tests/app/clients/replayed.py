"""Clients that cannot run here, as the requests that their sources make and the way in which they read.

Apple's `ChatCompletionsLanguageModel` (foundation-models-utilities) always streams, sends `tools` and
`tool_choice` in every request, escapes slashes, and leaves out `content` where there is none. Open-AutoGLM's
`ModelClient` reads `delta.content` alone and splits it at the beginning of an action.
"""

import base64
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import httpx
from pydantic import BaseModel, ConfigDict

from .running import TRIP, Gateways, Results

MODEL: Final = "autoglm-phone-9b"
APPLE: Final = "Apple's ChatCompletionsLanguageModel (its requests)"
OPEN_AUTOGLM: Final = "Open-AutoGLM's ModelClient (its request)"
TRIP_SCHEMA: Final[dict[str, Any]] = {  # as GenerationSchema encodes it
    "title": "Trip",
    "type": "object",
    "properties": {
        "city": {"type": "string", "enum": ["Rome", "Oslo"], "description": "where to"},
        "days": {"type": "integer", "minimum": 1, "maximum": 9},
    },
    "required": ["city", "days"],
    "additionalProperties": False,
    "x-order": ["city", "days"],
}
WEATHER: Final[dict[str, Any]] = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather of a city",
        "parameters": {
            "title": "Arguments",
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
            "additionalProperties": False,
            "x-order": ["city"],
        },
    },
}


class _Decodable(BaseModel):
    """Like Swift's: absent and null are the same where a type is optional, and a failure elsewhere."""

    model_config = ConfigDict(strict=True, extra="ignore")


class AppleFunction(_Decodable):
    name: str | None = None
    arguments: str | None = None


class AppleToolCall(_Decodable):
    index: int
    id: str | None = None
    type: str | None = None
    function: AppleFunction | None = None


class AppleDelta(_Decodable):
    role: str | None = None
    content: str | None = None
    reasoning_content: str | None = None
    tool_calls: list[AppleToolCall] | None = None


class AppleChoice(_Decodable):
    delta: AppleDelta


class AppleDetails(_Decodable):
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None


class AppleUsage(_Decodable):
    prompt_tokens: int
    completion_tokens: int
    prompt_tokens_details: AppleDetails | None = None
    completion_tokens_details: AppleDetails | None = None


class AppleChunk(_Decodable):
    id: str
    model: str
    choices: list[AppleChoice]
    usage: AppleUsage | None = None


class AppleResponse:
    """What the framework makes of a stream. Raises for a line that Apple's decoder refuses."""

    def __init__(self, body: str) -> None:
        self.pieces: list[str] = []
        self.reasoning = ""
        self.calls: dict[int, list[str]] = {}  # id, name, arguments
        self.usage: AppleUsage | None = None
        for line in body.splitlines():
            text = line.strip()
            if text.startswith("data: ") and text != "data: [DONE]":
                self._add(AppleChunk.model_validate_json(text.removeprefix("data: ")))

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    def _add(self, chunk: AppleChunk) -> None:
        self.usage = chunk.usage or self.usage
        for choice in chunk.choices[:1]:
            delta = choice.delta
            self.reasoning += delta.reasoning_content or ""
            if delta.tool_calls is not None:
                for call in delta.tool_calls:
                    routing = self.calls.setdefault(call.index, ["", "", ""])
                    function = call.function or AppleFunction()
                    for at, value in enumerate((call.id, function.name, function.arguments)):
                        routing[at] += value or ""
            elif delta.content is not None:
                self.pieces.append(delta.content)


def apple_body(messages: list[dict[str, Any]], **fields: Any) -> bytes:
    """As JSONEncoder writes it."""
    body = {
        "model": MODEL,
        "messages": messages,
        "tools": [],
        "tool_choice": "auto",
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    return json.dumps(body | fields, separators=(",", ":")).replace("/", "\\/").encode()


async def ask_as_apple(url: str, key: str, messages: list[dict[str, Any]], **fields: Any) -> AppleResponse:
    headers = {
        "Content-Type": "application/json",
        "Accept": "text/event-stream",
        "User-Agent": "com.apple.FoundationModels",
        "Authorization": f"Bearer {key}",
    }
    async with httpx.AsyncClient(timeout=60, verify=False) as client:
        address = f"{url}/chat/completions"
        response = await client.post(address, content=apple_body(messages, **fields), headers=headers)
    assert response.status_code == 200, response.text
    return AppleResponse(response.text)


def apple_picture(picture: bytes, media_type: str = "image/jpeg") -> dict[str, Any]:
    url = f"data:{media_type};base64,{base64.b64encode(picture).decode()}"
    return {"type": "image_url", "image_url": {"url": url, "detail": "auto"}}


def _picture(gateways: Gateways) -> bytes:
    return Path(gateways["picture"]).read_bytes()


def _user(content: object) -> dict[str, Any]:
    return {"role": "user", "content": content}


async def _apple_text(gateways: Gateways) -> None:
    messages = [{"role": "system", "content": "be brief"}, _user("hello")]
    response = await ask_as_apple(gateways["text"], gateways["key"], messages, top_p=0.0)
    assert "hello" in response.text


async def _apple_stream(gateways: Gateways) -> None:
    response = await ask_as_apple(
        gateways["text"], gateways["key"], [_user("hello")], max_completion_tokens=99
    )
    assert len([piece for piece in response.pieces if piece]) > 1
    assert response.usage is not None
    assert response.usage.prompt_tokens_details == AppleDetails(cached_tokens=0)
    assert response.usage.completion_tokens_details == AppleDetails(reasoning_tokens=0)


async def _apple_picture(gateways: Gateways) -> None:
    picture = apple_picture(_picture(gateways))
    content = [{"type": "text", "text": "look"}, picture]
    response = await ask_as_apple(gateways["text"], gateways["key"], [_user(content)], temperature=0.5)
    assert "look image(8x6)" in response.text


async def _apple_typed(gateways: Gateways) -> None:
    wrapper = {"name": "Trip", "schema": TRIP_SCHEMA, "strict": True}
    response = await ask_as_apple(
        gateways["typed"],
        gateways["key"],
        [_user("hello")],
        response_format={"type": "json_schema", "json_schema": wrapper},
    )
    assert response.text == TRIP


async def _apple_tools(gateways: Gateways) -> None:
    messages = [_user("hello")]
    first = await ask_as_apple(gateways["tools"], gateways["key"], messages, tools=[WEATHER])
    ((call_id, name, arguments),) = first.calls.values()
    assert (name, json.loads(arguments)) == ("weather", {"city": "Rome"})
    call = {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}
    messages += [
        {"role": "assistant", "tool_calls": [call], "reasoning_content": "I look it up"},
        {"role": "tool", "content": "sunny in Rome", "tool_call_id": call_id},
        {"role": "assistant", "reasoning_content": "only a thought"},
    ]
    second = await ask_as_apple(gateways["tools"], gateways["key"], messages, tools=[WEATHER])
    assert "sunny in Rome" in second.text


def open_autoglm_body(messages: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "messages": messages,
        "model": MODEL,
        "max_tokens": 3000,
        "temperature": 0.0,
        "top_p": 0.85,
        "frequency_penalty": 0.2,
        "stream": True,
    }


def open_autoglm_messages(picture: bytes) -> list[dict[str, Any]]:
    """The second step of a task: the newest screenshot, and earlier turns as text."""
    url = f"data:image/png;base64,{base64.b64encode(picture).decode()}"
    return [
        {"role": "system", "content": "You control a phone. " + "Write one action at a time. " * 100},
        _user([{"type": "text", "text": 'Open WeChat\n\n{"current_app": "System Home"}'}]),
        {
            "role": "assistant",
            "content": '<think>It is on the next page.</think><answer>do(action="Back")</answer>',
        },
        _user(
            [
                {"type": "image_url", "image_url": {"url": url}},
                {"type": "text", "text": '** Screen Info **\n\n{"current_app": "System Home"}'},
            ]
        ),
    ]


async def ask_as_open_autoglm(url: str, key: str, messages: list[dict[str, Any]]) -> list[str]:
    """The pieces of content."""
    async with httpx.AsyncClient(timeout=60, verify=False) as client:
        response = await client.post(
            f"{url}/chat/completions",
            json=open_autoglm_body(messages),
            headers={"Authorization": f"Bearer {key}"},
        )
    assert response.status_code == 200, response.text
    lines = [line.removeprefix("data: ") for line in response.text.splitlines() if line.startswith("data: {")]
    deltas = [choice["delta"] for line in lines for choice in json.loads(line)["choices"]]
    return [delta["content"] for delta in deltas if delta.get("content")]


async def _open_autoglm_stream(gateways: Gateways) -> None:
    pieces = await ask_as_open_autoglm(gateways["text"], gateways["key"], [_user("hello")])
    assert len(pieces) > 1
    assert "hello" in "".join(pieces)


async def _open_autoglm_picture(gateways: Gateways) -> None:
    messages = open_autoglm_messages(_picture(gateways))
    text = "".join(await ask_as_open_autoglm(gateways["text"], gateways["key"], messages))
    assert "image(8x6) ** Screen Info **" in text


async def _open_autoglm_action(gateways: Gateways) -> None:
    """Two steps of a task, as its `ModelClient` splits what it reads."""
    messages = open_autoglm_messages(_picture(gateways))[:1]
    for content, step in (
        ("Open WeChat", ("<think>It is there.</think><answer>", 'do(action="Tap", element=[500,250])')),
        ("** Screen Info **", ("", 'finish(message="It is open.")')),
    ):
        text = "".join(
            await ask_as_open_autoglm(gateways["action"], gateways["key"], [*messages, _user(content)])
        )
        marker = "finish(message=" if "finish(message=" in text else "do(action="
        thought, _, rest = text.partition(marker)
        assert (thought.strip(), marker + rest) == step
        messages += [_user(content), {"role": "assistant", "content": f"<answer>{marker}{rest}</answer>"}]


_WORK: Final[dict[str, dict[str, Callable[[Gateways], Awaitable[None]]]]] = {
    APPLE: {
        "text": _apple_text,
        "stream": _apple_stream,
        "picture": _apple_picture,
        "typed": _apple_typed,
        "tools": _apple_tools,
    },
    OPEN_AUTOGLM: {
        "text": _open_autoglm_stream,
        "stream": _open_autoglm_stream,
        "picture": _open_autoglm_picture,
        "action": _open_autoglm_action,
    },
}


async def replay(gateways: Gateways) -> Results:
    """Raises what an ability fails with."""
    for abilities in _WORK.values():
        for work in abilities.values():
            await work(gateways)
    return {client: dict.fromkeys(abilities, "ok") for client, abilities in _WORK.items()}
