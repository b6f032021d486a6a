"""The interface between the pool and its workers, and between a worker and its engine."""

from collections.abc import Callable
from typing import Protocol

from inference.engine.outcome import Outcome
from inference.model_card import ModelCard
from inference.types import GenerationRequest


class Steppable(Protocol):
    """An engine that a worker steps. Every call comes from the worker's one thread."""

    @property
    def model_card(self) -> ModelCard: ...
    @property
    def has_work(self) -> bool: ...
    @property
    def blocks_used(self) -> int: ...
    @property
    def blocks_total(self) -> int: ...

    def add(self, key: int, request: GenerationRequest) -> None: ...
    def abort(self, key: int) -> None: ...
    def step(self) -> list[Outcome]: ...


class Worker(Protocol):
    """Created, started and stopped by the pool, in the event loop's thread. `device` is its name for people.

    A worker that has ended is not started again; the pool creates another one.
    """

    @property
    def name(self) -> str: ...
    @property
    def device(self) -> str: ...
    @property
    def is_healthy(self) -> bool:
        """Whether it is loaded and serves."""
        ...

    @property
    def blocks_used(self) -> int: ...
    @property
    def blocks_total(self) -> int: ...

    async def start(self) -> ModelCard:
        """Loads the model. Raises what loading raises, after the worker has ended."""
        ...

    def add(self, key: int, request: GenerationRequest) -> None: ...
    def abort(self, key: int) -> None: ...

    async def stop(self) -> None:
        """Ends the worker after the current step, and waits for its end. May be called before `start`."""
        ...


class WorkerListener(Protocol):
    """Called in the event loop's thread, in the order of events. `on_death` is the last call."""

    def on_outcomes(self, worker: Worker, outcomes: list[Outcome]) -> None: ...
    def on_death(self, worker: Worker) -> None: ...


MakeEngine = Callable[[], Steppable]
MakeWorker = Callable[[str, str, WorkerListener], Worker]  # name, device
