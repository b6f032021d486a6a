"""Pieces of text that wait for their reader become one, and nothing else changes."""

import asyncio
import random

import pytest

from inference.engine.outcome import Event
from inference.errors import GenerationFailed
from inference.event_queue import EventQueue
from inference.types import Delta, TokenLogprob, ToolCallDelta, Usage

pytestmark = pytest.mark.anyio

BEGINNING = Delta(usage=Usage(3, 0))
END = Delta(finish_reason="stop", usage=Usage(3, 9))


def text(piece: str, tokens: int = 1) -> Delta:
    return Delta(piece, usage=Usage(3, tokens))


def reasoning(piece: str, tokens: int = 1) -> Delta:
    return Delta(reasoning=piece, usage=Usage(3, tokens, tokens))


def call(piece: str, index: int = 0) -> Delta:
    return Delta(tool_calls=(ToolCallDelta(index, "id", "name", piece),))


def likely(piece: str) -> Delta:
    return Delta(piece, logprobs=(TokenLogprob(piece, piece.encode(), -1.0, ()),))


async def read(*events: Event) -> list[Event]:
    """What a reader gets that comes after all of them."""
    queue = EventQueue()
    for event in events:
        queue.put(event)
    found = []
    while len(queue):
        found.append(await queue.get())
    return found


async def test_waiting_text_is_one_piece_with_the_newest_usage() -> None:
    events = (BEGINNING, text("a", 1), text("b", 2), Delta("c"), text("d", 4), END)
    assert await read(*events) == [BEGINNING, Delta("abcd", usage=Usage(3, 4)), END]


async def test_a_reader_that_keeps_up_gets_every_piece() -> None:
    queue, pieces = EventQueue(), [BEGINNING, text("a", 1), text("b", 2), END]
    for piece in pieces:
        reading = asyncio.create_task(queue.get())
        await asyncio.sleep(0)
        queue.put(piece)
        assert await reading is piece


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([reasoning("a"), reasoning("b"), text("c")], [Delta("c", "ab", usage=Usage(3, 1))]),
        ([text("a"), reasoning("b")], [text("a"), reasoning("b")]),
        (
            [text("a"), call("b"), call("c", 1)],
            [Delta("a", usage=Usage(3, 1), tool_calls=(*call("b").tool_calls, *call("c", 1).tool_calls))],
        ),
        ([call("b"), text("a")], [call("b"), text("a")]),
        ([likely("a"), likely("b")], [Delta("ab", logprobs=(*likely("a").logprobs, *likely("b").logprobs))]),
        (
            [text("a"), Delta(logprobs=likely("b").logprobs), text("c")],
            [Delta("ac", usage=Usage(3, 1), logprobs=likely("b").logprobs)],
        ),
        (
            [text("a"), text("b"), Delta("c", finish_reason="length")],
            [Delta("ab", usage=Usage(3, 1)), Delta("c", finish_reason="length")],
        ),
        ([BEGINNING, BEGINNING], [BEGINNING, BEGINNING]),
    ],
    ids=[
        "reasoning, then text",
        "text, then reasoning",
        "text, then tool calls",
        "a tool call, then text",
        "log probabilities",
        "log probabilities alone",
        "the end",
        "beginnings",
    ],
)
async def test_order_is_kept(events: list[Delta], expected: list[Delta]) -> None:
    assert await read(*events) == expected


async def test_an_error_comes_after_all_text() -> None:
    error = GenerationFailed("its worker died")
    assert await read(text("a"), text("b"), error) == [Delta("ab", usage=Usage(3, 1)), error]


@pytest.mark.parametrize("seed", range(20))
async def test_joined_or_not_a_reader_gets_the_same(seed: int) -> None:
    chance, queue = random.Random(seed), EventQueue()
    kinds = [text, reasoning, call, likely]
    sent: list[Event] = [BEGINNING]
    sent += [chance.choice(kinds)(chr(97 + number % 26)) for number in range(60)]
    sent += [chance.choice([END, Delta("z", finish_reason="length"), GenerationFailed("its worker died")])]
    found: list[Event] = []
    for event in sent:
        queue.put(event)
        while len(queue) and chance.random() < 0.3:
            found.append(await queue.get())
    while len(queue):
        found.append(await queue.get())
    assert parts_of(found) == parts_of(sent)
    assert logprobs_of(found) == logprobs_of(sent)
    assert (found[0], found[-1]) == (sent[0], sent[-1])
    assert usage_of(found) == usage_of(sent)
    assert len(found) < len(sent)


def deltas_of(events: list[Event]) -> list[Delta]:
    return [event for event in events if isinstance(event, Delta)]


def parts_of(events: list[Event]) -> list[tuple[str, str]]:
    """Every character and argument, in the order in which a gateway sends them."""
    parts: list[tuple[str, str]] = []
    for delta in deltas_of(events):
        parts += [("reasoning", character) for character in delta.reasoning]
        parts += [("text", character) for character in delta.text]
        parts += [("call", each.arguments) for each in delta.tool_calls]
    return parts


def logprobs_of(events: list[Event]) -> list[TokenLogprob]:
    return [each for delta in deltas_of(events) for each in delta.logprobs]


def usage_of(events: list[Event]) -> Usage | None:
    """The newest, after all events."""
    return next(delta.usage for delta in reversed(deltas_of(events)) if delta.usage is not None)
