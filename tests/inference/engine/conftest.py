"""An engine over a fake model, and a way to run it to the end."""

from collections.abc import Callable

import pytest
import torch

from inference.config import EngineConfig
from inference.engine.engine import Engine
from inference.engine.outcome import Event
from inference.types import Delta, GenerationRequest

from ..fake_model import FakeModel

MakeEngine = Callable[..., Engine]
Answers = dict[int, list[Event]]


@pytest.fixture
def make_engine() -> MakeEngine:
    def make(
        model: FakeModel | None = None, clock: Callable[[], float] = lambda: 0.0, **config: object
    ) -> Engine:
        defaults = {"block_size": 4, "kv_cache_tokens": 4096, "chunk_tokens": 64}
        return Engine(model or FakeModel(), torch.device("cpu"), EngineConfig(**(defaults | config)), clock)

    return make


def run_all(engine: Engine, requests: list[GenerationRequest], max_steps: int = 5000) -> Answers:
    """Adds all requests and steps until nothing is left; returns each one's events."""
    for key, request in enumerate(requests):
        engine.add(key, request)
    return run_rest(engine, {key: [] for key in range(len(requests))}, max_steps)


def run_rest(engine: Engine, answers: Answers, max_steps: int = 5000) -> Answers:
    for _ in range(max_steps):
        if not engine.has_work:
            return answers
        for key, event in engine.step():
            answers[key].append(event)
    raise AssertionError("the engine does not come to an end")


def text_of(events: list[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, Delta))


def reasoning_of(events: list[Event]) -> str:
    return "".join(event.reasoning for event in events if isinstance(event, Delta))
