"""Events of one request on their way to its reader, which may be slower than the engine.

When several pieces of text wait, the reader gets them as one: at some thousand tokens a second the event
loop then sends fewer, larger pieces, and no text waits for a place in a queue.
"""

import asyncio
from collections import deque

from inference.engine.outcome import Event
from inference.joined_deltas import is_piece, join, may_follow
from inference.types import Delta


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
        pieces = [event] if isinstance(event, Delta) and is_piece(event) else []
        while pieces and events:
            following = events[0]
            if not (
                isinstance(following, Delta) and is_piece(following) and may_follow(pieces[-1], following)
            ):
                break
            pieces.append(following)
            events.popleft()
        if not events:
            self._has_events.clear()
        return join(pieces) if len(pieces) > 1 else event
