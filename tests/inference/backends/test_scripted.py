"""`inference/backends/scripted.py`: what the tests of the gateway script."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from inference.backends.scripted import ScriptedBackend
from inference.config import ScriptedConfig, ScriptedReply
from inference.errors import InvalidGrammar, QueueFull
from inference.queue_place import QueuePlace
from inference.types import Delta, JsonSchemaOutput, Message, Text, ToolCall, ToolDefinition

pytestmark = pytest.mark.anyio

TOOL = ToolDefinition("weather", "The weather", {"type": "object"})
CALL = ScriptedReply(tool_calls=(("weather", '{"city": "Oslo"}'), ("weather", '{"city": "Rome"}')))
AFTER_CALL = ScriptedReply("it is cold", reasoning="Oslo is north", cached_tokens=2)


@pytest.fixture
async def backend() -> AsyncIterator[ScriptedBackend]:
    backend = ScriptedBackend(ScriptedConfig(replies=(CALL, AFTER_CALL)))
    await backend.start()
    yield backend
    await backend.aclose(0)


@pytest.fixture
def respond(backend, make_request) -> Callable[..., object]:
    async def collect(**fields) -> list[Delta]:
        return [delta async for delta in backend.generate(make_request("how cold is it?", **fields))]

    return collect


async def test_tool_calls_are_emitted_in_pieces_of_each_index(respond) -> None:
    deltas = await respond(tools=(TOOL,))
    pieces = [piece for delta in deltas for piece in delta.tool_calls]
    assert [piece.index for piece in pieces] == [0, 0, 0, 1, 1, 1]
    firsts = [piece for piece in pieces if piece.id]
    assert [(piece.name, piece.index) for piece in firsts] == [("weather", 0), ("weather", 1)]
    assert firsts[0].id != firsts[1].id
    assert "".join(piece.arguments for piece in pieces if piece.index == 0) == '{"city": "Oslo"}'
    assert deltas[-1].finish_reason == "tool_calls"


async def test_without_parallel_tool_calls_there_is_one(respond) -> None:
    deltas = await respond(tools=(TOOL,), parallel_tool_calls=False)
    assert {piece.index for delta in deltas for piece in delta.tool_calls} == {0}


@pytest.mark.parametrize("fields", [{}, {"tools": (TOOL,), "tool_choice": "none"}])
async def test_no_tool_is_called_where_there_is_none_to_call(respond, fields) -> None:
    deltas = await respond(**fields)
    assert not any(delta.tool_calls for delta in deltas)
    assert deltas[-1].finish_reason == "stop"


async def test_the_next_turn_gets_the_next_reply(respond) -> None:
    call = ToolCall("call_1", "weather", "{}")
    messages = (
        Message("user", (Text("how cold is it?"),)),
        Message("assistant", (), tool_calls=(call,)),
        Message("tool", (Text("-20"),), tool_call_id="call_1"),
    )
    deltas = await respond(messages=messages, tools=(TOOL,))
    assert "".join(delta.reasoning for delta in deltas) == "Oslo is north"
    assert "".join(delta.text for delta in deltas) == "it is cold"
    usage = deltas[-1].usage
    assert usage is not None
    assert (usage.completion_tokens, usage.reasoning_tokens, usage.cached_tokens) == (6, 3, 2)


async def test_logprobs_come_with_their_text(make_request) -> None:
    backend = ScriptedBackend(ScriptedConfig(reply="one two"))
    await backend.start()
    deltas = [delta async for delta in backend.generate(make_request("hello", logprobs=2))]
    tokens = [token for delta in deltas for token in delta.logprobs]
    assert "".join(token.token for token in tokens) == "one two"
    assert all(len(token.top) == 2 and token.top[0].token == token.token for token in tokens)
    assert all(token.top[0].logprob > token.top[1].logprob for token in tokens)


async def test_interactive_requests_go_first_and_know_how_long_they_wait(make_request) -> None:
    backend = ScriptedBackend(ScriptedConfig(reply="one", max_concurrency=1, max_waiting=4))
    await backend.start()
    assert [delta async for delta in backend.generate(make_request())]
    running = backend.generate(make_request())
    await anext(running)
    order: list[str] = []
    places = [QueuePlace() for _ in range(4)]

    async def respond(priority: str, place: QueuePlace) -> None:
        deltas = [delta async for delta in backend.generate(make_request(priority=priority, place=place))]
        assert deltas[-1].finish_reason == "stop"
        order.append(priority)

    async with asyncio.TaskGroup() as tasks:
        for place, priority in zip(places, ["batch"] * 3 + ["interactive"], strict=True):
            tasks.create_task(respond(priority, place))
        await asyncio.sleep(0)
        waits = [place.look() for place in places]
        assert [wait.position for wait in waits] == [2, 3, 4, 1]
        assert waits[2].expected_seconds >= waits[3].expected_seconds > 0
        with pytest.raises(QueueFull):
            await anext(backend.generate(make_request(priority="batch")))
        await running.aclose()
    assert order == ["interactive", "batch", "batch", "batch"]
    assert not any(place.look() for place in places)


async def test_a_schema_beyond_the_bounds_is_refused(respond) -> None:
    with pytest.raises(InvalidGrammar):
        await respond(output_format=JsonSchemaOutput({"const": "x" * 300_000}))
