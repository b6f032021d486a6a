"""Requests whose prompts are not encoded yet. One is under way at a time, a piece a call.

Classes and users take turns as in the scheduler, so one user's burst of pictures keeps nobody waiting
for more than the one that is under way. Used by the engine's thread alone.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass

import torch

from inference.engine.fair_queue import FairQueue
from inference.models.prompt import EncodedPrompt
from inference.stepwise import Stepwise
from inference.types import PRIORITIES, GenerationRequest

logger = logging.getLogger(__name__)

Begin = Callable[[GenerationRequest], Stepwise[EncodedPrompt]]


@dataclass(frozen=True, slots=True, eq=False)
class Arrival:
    """`key` is the engine's caller's own."""

    key: int
    request: GenerationRequest
    prompt_tokens: int = 0  # not known yet


class Arrivals:
    """Owned by the engine. `begin` starts to encode a request's prompt; it is called once more for a
    request that ran out of memory, after `release_memory`.
    """

    def __init__(self, begin: Begin, release_memory: Callable[[], None]) -> None:
        self._begin = begin
        self._release_memory = release_memory
        self._arrivals: dict[int, Arrival] = {}
        self._queues = {priority: FairQueue[Arrival]() for priority in PRIORITIES}
        self._under_way: tuple[Arrival, Stepwise[EncodedPrompt]] | None = None

    def __len__(self) -> int:
        return len(self._arrivals)

    def add(self, key: int, request: GenerationRequest) -> None:
        arrival = self._arrivals[key] = Arrival(key, request)
        self._queues[request.priority].push(arrival)

    def remove(self, key: int) -> bool:
        """Returns whether it was here. What was encoded of it is dropped."""
        arrival = self._arrivals.pop(key, None)
        if arrival is None:
            return False
        if self._under_way is not None and self._under_way[0] is arrival:
            self._under_way = None
        else:
            self._queues[arrival.request.priority].remove(arrival)
        return True

    def overdue(self, now: float) -> list[int]:
        return [key for key, arrival in self._arrivals.items() if arrival.request.deadline <= now]

    @torch.inference_mode()
    def advance(self) -> tuple[Arrival, float | EncodedPrompt | Exception]:
        """Does one piece; there must be an arrival.

        Returns whose it was, with its floating-point operations, or with the prompt or the error that
        it ended with.
        """
        arrival = self._next()
        try:
            if self._under_way is None:
                self._under_way = arrival, _encode(arrival.request, self._begin, self._release_memory)
            return arrival, next(self._under_way[1])
        except StopIteration as end:
            prompt: EncodedPrompt = end.value
            result: EncodedPrompt | Exception = prompt
        except Exception as error:
            result = error
        self._under_way = None
        del self._arrivals[arrival.key]
        return arrival, result

    def _next(self) -> Arrival:
        if self._under_way is not None:
            return self._under_way[0]
        return next(queue for queue in self._queues.values() if len(queue)).pop()


def _encode(
    request: GenerationRequest, begin: Begin, release_memory: Callable[[], None]
) -> Stepwise[EncodedPrompt]:
    """Not a method: a generator under way would keep `Arrivals` and the model alive, in a cycle."""
    try:
        return (yield from begin(request))
    except (MemoryError, torch.OutOfMemoryError) as error:
        logger.warning("%s while a prompt was encoded; it is tried once more", type(error).__name__)
    release_memory()  # only here: the error held what the tower had
    return (yield from begin(request))
