"""Requests whose grammars are being compiled, in other threads. They have not arrived yet."""

from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, wait

from inference.constraints.compiler import Compilation
from inference.constraints.grammar_cache import CompiledGrammar
from inference.types import GenerationRequest

LONGEST_WAIT = 0.005  # seconds, in which commands of the worker are not handled

Compiled = CompiledGrammar | None | Exception


class Compilations:
    """Owned by the engine and used by its thread. `begin` returns None for requests without a grammar."""

    def __init__(self, begin: Callable[[GenerationRequest], Compilation | None]) -> None:
        self._begin = begin
        self._compilations: dict[int, tuple[GenerationRequest, Compilation]] = {}

    def __len__(self) -> int:
        return len(self._compilations)

    def add(self, key: int, request: GenerationRequest) -> bool:
        """Returns whether there is something to compile."""
        future = self._begin(request)
        if future is None:
            return False
        self._compilations[key] = request, future
        return True

    def remove(self, key: int) -> bool:
        """Returns whether the request was here."""
        compilation = self._compilations.pop(key, None)
        if compilation is None:
            return False
        compilation[1].cancel()
        return True

    def overdue(self, now: float) -> list[int]:
        return [key for key, (request, _) in self._compilations.items() if request.deadline <= now]

    def take_done(self, *, may_wait: bool) -> list[tuple[int, GenerationRequest, Compiled]]:
        """Returns the requests that are ready, in the order in which they were added."""
        if not self._compilations:
            return []
        if may_wait:
            futures = [future for _, future in self._compilations.values()]
            wait(futures, LONGEST_WAIT, return_when=FIRST_COMPLETED)
        done = [(key, *each) for key, each in self._compilations.items() if each[1].done()]
        for key, _, _ in done:
            del self._compilations[key]
        return [(key, request, _result(future)) for key, request, future in done]


def _result(future: Compilation) -> Compiled:
    error = future.exception()
    return future.result() if error is None else error  # type: ignore[return-value]  # threads raise no others
