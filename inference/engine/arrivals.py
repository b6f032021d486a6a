"""Requests whose prompts are not encoded yet. One is encoded at a time, one piece per call.

Priority classes and users take turns as in the scheduler, so a user's burst of pictures delays other users
by one picture at most. Used by the engine's thread alone.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass

import torch

from inference.engine.priority_queue import PriorityQueue
from inference.models.prompt import EncodedPrompt
from inference.stepwise import Stepwise
from inference.types import GenerationRequest

logger = logging.getLogger(__name__)

Begin = Callable[[GenerationRequest], Stepwise[EncodedPrompt]]


@dataclass(frozen=True, slots=True, eq=False)
class Arrival:
    """`key` is the one that was given to `Engine.add`."""

    key: int
    request: GenerationRequest
    prompt_tokens: int = 0  # not known yet


class Arrivals:
    """Owned by the engine. `begin` starts to encode a request's prompt. If memory runs out,
    `release_memory` is called, then `begin` once more.
    """

    def __init__(self, begin: Begin, release_memory: Callable[[], None]) -> None:
        self._begin = begin
        self._release_memory = release_memory
        self._arrivals: dict[int, Arrival] = {}
        self._queue = PriorityQueue[Arrival]()
        self._current: tuple[Arrival, Stepwise[EncodedPrompt]] | None = None

    def __len__(self) -> int:
        return len(self._arrivals)

    @property
    def requests(self) -> list[GenerationRequest]:
        return [arrival.request for arrival in self._arrivals.values()]

    def add(self, key: int, request: GenerationRequest) -> None:
        arrival = self._arrivals[key] = Arrival(key, request)
        self._queue.push(arrival)

    def remove(self, key: int) -> bool:
        """Returns whether the request was here. Its encoded part is dropped."""
        arrival = self._arrivals.pop(key, None)
        if arrival is None:
            return False
        if self._current is not None and self._current[0] is arrival:
            self._current = None
        else:
            self._queue.remove(arrival)
        return True

    def overdue(self, now: float) -> list[int]:
        return [key for key, arrival in self._arrivals.items() if arrival.request.deadline <= now]

    @torch.inference_mode()
    def advance(self) -> tuple[Arrival, float | EncodedPrompt | Exception]:
        """Does one piece of work; there must be an arrival.

        Returns the arrival with the floating-point operations of the piece or, after its last piece, with
        the prompt or the error.
        """
        arrival = self._next()
        try:
            if self._current is None:
                self._current = arrival, _encode(arrival.request, self._begin, self._release_memory)
            return arrival, next(self._current[1])
        except StopIteration as end:
            prompt: EncodedPrompt = end.value
            result: EncodedPrompt | Exception = prompt
        except Exception as error:
            result = error
        self._current = None
        del self._arrivals[arrival.key]
        return arrival, result

    def _next(self) -> Arrival:
        if self._current is not None:
            return self._current[0]
        priority = self._queue.next_priority
        assert priority is not None
        return self._queue.pop(priority)


def _encode(
    request: GenerationRequest, begin: Begin, release_memory: Callable[[], None]
) -> Stepwise[EncodedPrompt]:
    """A function, not a method: the generator would hold `Arrivals` and the model, in a cycle."""
    try:
        return (yield from begin(request))
    except (MemoryError, torch.OutOfMemoryError) as error:
        logger.warning("%s while a prompt was encoded; it is tried once more", type(error).__name__)
    release_memory()  # here, since the error held the tower's tensors
    return (yield from begin(request))
