"""Events of one request on their way to its reader, which may be slower than the engine.

When several pieces of text wait, the reader gets them as one: at some thousand tokens a second the event
loop then sends fewer, larger pieces, and no text waits for a place in a queue.
"""

import asyncio
from collections import deque

from inference.engine.outcome import Event
from inference.types import Delta

Order = tuple[int, int]


class EventQueue:
    """Of one reader. Used in the event loop's thread alone. Bounded by the request's `max_tokens`."""

    def __init__(self) -> None:
        self._events: deque[Event] = deque()
        self._has_events = asyncio.Event()

    def __len__(self) -> int:
        return len(self._events)

    def put(self, event: Event) -> None:
        self._events.append(event)
        self._has_events.set()

    async def get(self) -> Event:
        """Returns the next event. Text, reasoning and tool calls that wait are joined, in order.

        The beginning, the end and errors stay events of their own.
        """
        await self._has_events.wait()
        events = self._events
        event = events.popleft()
        pieces = [event] if isinstance(event, Delta) and _is_piece(event) else []
        while pieces and events:
            following = events[0]
            if not isinstance(following, Delta) or not _may_follow(pieces[-1], following):
                break
            pieces.append(following)
            events.popleft()
        if not events:
            self._has_events.clear()
        return _join(pieces) if len(pieces) > 1 else event


def _is_piece(delta: Delta) -> bool:
    return delta.has_output and delta.finish_reason is None


def _may_follow(delta: Delta, following: Delta) -> bool:
    """Within a Delta reasoning comes before text, and text before tool calls."""
    return _is_piece(following) and _kinds(delta)[1] <= _kinds(following)[0]


def _kinds(delta: Delta) -> Order:
    """The first and the last kind of output that a Delta has."""
    kinds = [kind for kind, part in enumerate((delta.reasoning, delta.text, delta.tool_calls)) if part]
    return (kinds[0], kinds[-1]) if kinds else (1, 1)  # log probabilities alone belong to the text


def _join(deltas: list[Delta]) -> Delta:
    return Delta(
        text="".join(delta.text for delta in deltas),
        reasoning="".join(delta.reasoning for delta in deltas),
        usage=next((delta.usage for delta in reversed(deltas) if delta.usage is not None), None),
        tool_calls=tuple(call for delta in deltas for call in delta.tool_calls),
        logprobs=tuple(token for delta in deltas for token in delta.logprobs),
    )
