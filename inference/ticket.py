"""One request's place in the pool, and the states that it goes through. All in the event loop's thread."""

import asyncio
from enum import Enum, auto

from inference.engine.outcome import Event
from inference.event_queue import EventQueue
from inference.types import Delta, GenerationRequest, Usage
from inference.workers.worker import Worker


class TicketState(Enum):
    """A request whose worker dies is replayed at most once, and only if it has produced no text."""

    QUEUED = auto()  # at its first worker, which has not begun it
    RUNNING = auto()  # begun by its first worker, no text yet
    PARKED = auto()  # its first worker died and no other is healthy: it waits for one
    REQUEUED = auto()  # at its second worker, which has not begun it
    STREAMING = auto()  # begun, and not to be replayed: it has produced text, or its second worker has it
    WITHDRAWN = auto()  # aborted before a worker began it
    STOPPING = auto()  # aborted after a worker began it
    ENDED = auto()


_S = TicketState
TRANSITIONS: dict[TicketState, frozenset[TicketState]] = {
    _S.QUEUED: frozenset({_S.RUNNING, _S.STREAMING, _S.PARKED, _S.REQUEUED, _S.WITHDRAWN, _S.ENDED}),
    _S.RUNNING: frozenset({_S.STREAMING, _S.PARKED, _S.REQUEUED, _S.STOPPING, _S.ENDED}),
    _S.PARKED: frozenset({_S.REQUEUED, _S.ENDED}),
    _S.REQUEUED: frozenset({_S.STREAMING, _S.WITHDRAWN, _S.ENDED}),
    _S.STREAMING: frozenset({_S.STOPPING, _S.ENDED}),
    _S.WITHDRAWN: frozenset({_S.STOPPING, _S.ENDED}),
    _S.STOPPING: frozenset({_S.ENDED}),
    _S.ENDED: frozenset(),
}
REPLAYABLE = frozenset({_S.QUEUED, _S.RUNNING})
WAITING = frozenset({_S.QUEUED, _S.PARKED, _S.REQUEUED})
BEGUN = frozenset({_S.RUNNING, _S.STREAMING, _S.STOPPING})
ABORTED = frozenset({_S.WITHDRAWN, _S.STOPPING})


class Ticket:
    """Created and moved by the pool. `Pool.generate` reads `events`. `worker` is None while it is parked.

    `is_released` is set when its caller has nothing to wait for: it ended, or its worker does not respond.
    """

    def __init__(self, key: int, request: GenerationRequest) -> None:
        self.key = key
        self.request = request
        self.state = TicketState.QUEUED
        self.worker: Worker | None = None
        self.prompt_tokens = 0  # not known here
        self.events = EventQueue()
        self.is_released = asyncio.Event()
        self.usage = Usage(0, 0)  # as far as its events say
        self.expiry: asyncio.TimerHandle | None = None

    @property
    def has_begun(self) -> bool:
        """Whether the worker that holds it has begun it."""
        return self.state in BEGUN

    def move(self, state: TicketState) -> None:
        """Staying in a state is always allowed."""
        assert state is self.state or state in TRANSITIONS[self.state], f"{self.state} to {state}"
        self.state = state
        if state is TicketState.ENDED:
            self.is_released.set()

    def abort(self) -> None:
        """Notes that its caller has left. The pool sends the abort to its worker."""
        self.move(TicketState.STOPPING if self.has_begun else TicketState.WITHDRAWN)

    def put(self, event: Event) -> None:
        """Hands an event to the caller, and moves to the state that follows from it."""
        self.move(self._state_after(event))
        if isinstance(event, Delta) and event.usage is not None:
            self.usage = event.usage
        self.events.put(event)

    def release(self) -> None:
        """Ends it for its caller. Its worker, which has been told to abort it, still has it."""
        assert self.state in ABORTED
        self.events.put(Delta(finish_reason="deadline", usage=self.usage))
        self.is_released.set()

    def _state_after(self, event: Event) -> TicketState:
        if not isinstance(event, Delta) or event.finish_reason is not None:
            return TicketState.ENDED
        if self.state in ABORTED:
            return TicketState.STOPPING
        if self.state in REPLAYABLE and is_beginning(event):
            return TicketState.RUNNING
        return TicketState.STREAMING


def is_beginning(delta: Delta) -> bool:
    """Whether it only reports that the engine has begun the request."""
    return not (delta.has_output or delta.finish_reason)
