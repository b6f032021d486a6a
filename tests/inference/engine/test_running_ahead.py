"""Steps that are launched before the tokens of the previous one are known change no response."""

from collections.abc import Callable

import pytest
import torch

from inference.config import EngineConfig
from inference.engine.cache_tensors import count_blocks
from inference.engine.engine import Engine
from inference.engine.model_runner import ModelRunner
from inference.engine.pending_step import PendingStep
from inference.engine.scheduler import Chunk
from inference.engine.sequence import Sequence
from inference.errors import GenerationFailed
from inference.types import Delta, GenerationRequest, JsonSchemaOutput, ToolDefinition

from ..fake_model import FakeModel

PROMPTS = ["hello", "a longer prompt of some forty characters", "x", "hello again", "one more", "and another"]
CONFIGS = {
    "in one batch": {},
    "one after the other": {"max_running_requests": 1},
    "two at a time": {"max_running_requests": 2},
    "in chunks": {"chunk_tokens": 7},
    "preempted": {"kv_cache_tokens": 160, "chunk_tokens": 16},
}
SAMPLINGS = {
    "greedy": {},
    "random": {"temperature": 0.8, "seed": 1},
    "filtered": {"temperature": 1.5, "seed": 2, "top_p": 0.8, "top_k": 40},
}


class AheadRunner(ModelRunner):
    """Computes at once and returns the tokens later, like a device that computes asynchronously."""

    max_ahead_sequences = 8
    min_forced_chunk = 4

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)
        self.drawn: dict[Sequence, int] = {}
        self.launched_ahead = 0
        self.before_launch: Callable[[], None] = lambda: None
        self.before_wait: Callable[[], None] = lambda: None

    def launch(self, chunks: list[Chunk]) -> PendingStep:
        self.before_launch()
        ahead = [chunk.sequence for chunk in chunks if chunk.start == len(chunk.sequence.token_ids)]
        self.launched_ahead += bool(ahead)
        for sequence in ahead:
            sequence.token_ids.append(self.drawn[sequence])
            sequence.num_in_flight -= 1
        tokens = self.run(chunks)
        for sequence in ahead:
            sequence.token_ids.pop()
            sequence.num_in_flight += 1
        self.drawn = {
            chunk.sequence: token for chunk, token in zip(chunks, tokens, strict=True) if token is not None
        }

        def wait() -> list[int | None]:
            self.before_wait()
            return tokens

        return PendingStep(chunks, wait)


@pytest.fixture
def make_ahead_engine():
    def make(model: FakeModel, clock: Callable[[], float] = lambda: 0.0, **config: object) -> Engine:
        engine_config = EngineConfig(
            **({"block_size": 4, "kv_cache_tokens": 4096, "chunk_tokens": 64} | config)
        )

        def make_executor(decoder, device, config: EngineConfig, context_length: int) -> AheadRunner:
            blocks = count_blocks(decoder, device, config.block_size, 10**6, config.kv_cache_tokens)
            return AheadRunner(decoder, device, blocks, config.block_size)

        return Engine(model, torch.device("cpu"), engine_config, clock, make_executor)

    return make


def text_of(events: list[object]) -> str:
    return "".join(event.text for event in events if isinstance(event, Delta))


def reasons(responses: dict[int, list[object]]) -> list[object]:
    return [responses[key][-1].finish_reason for key in sorted(responses)]


@pytest.mark.parametrize("sampling", SAMPLINGS.values(), ids=SAMPLINGS)
@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
@pytest.mark.parametrize("kind", ["echo", "digest"])
def test_a_response_is_that_of_an_engine_that_waits(
    kind, make_engine, make_ahead_engine, make_model, make_request, run_all, config, sampling, device
) -> None:
    if device != "cpu":
        pytest.skip("the fake device is the CPU")
    requests: list[GenerationRequest] = [
        make_request(prompt, max_tokens=20 + 7 * index, **sampling) for index, prompt in enumerate(PROMPTS)
    ]
    expected = run_all(make_engine(make_model(kind), **config), requests)
    engine = make_ahead_engine(make_model(kind), **config)
    found = run_all(engine, requests)
    assert [text_of(found[key]) for key in sorted(found)] == [text_of(expected[key]) for key in sorted(found)]
    assert reasons(found) == reasons(expected)
    usages = [[responses[key][-1].usage for key in sorted(responses)] for responses in (found, expected)]
    assert usages[0] == usages[1]
    assert engine.blocks_used == 0
    assert engine._executor.launched_ahead > 10


SCHEMA = JsonSchemaOutput(
    {
        "type": "object",
        "properties": {"name": {"type": "string", "maxLength": 9}, "age": {"type": "integer", "maximum": 99}},
        "required": ["name", "age"],
        "additionalProperties": False,
    }
)
CLOCK = ToolDefinition("clock", "", {"type": "object", "properties": {}, "additionalProperties": False})
CONSTRAINED = [
    ("digest", "a free one", {}),
    ("digest", "typed", {"output_format": SCHEMA}),
    ("digest", "a call", {"tools": (CLOCK,), "tool_choice": "required"}),
    ("echo", "-a thought", {"output_format": SCHEMA, "enable_thinking": True}),
    ("echo", "text, then <tool_call>nonsense", {"tools": (CLOCK,)}),
    ("echo", "only text", {"tools": (CLOCK,)}),
]


@pytest.mark.parametrize("sampling", SAMPLINGS.values(), ids=SAMPLINGS)
@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
@pytest.mark.parametrize("kind", ["echo", "digest"])
def test_a_constrained_response_is_that_of_an_engine_that_waits(
    kind, make_engine, make_ahead_engine, make_model, make_request, run_all, config, sampling, device
) -> None:
    """A token that was drawn ahead, before it was known that a mask applies, is drawn again."""
    if device != "cpu":
        pytest.skip("the fake device is the CPU")
    requests = [
        make_request(text, max_tokens=70, **fields, **sampling)
        for index, (model, text, fields) in enumerate(CONSTRAINED * 2)
        if model == kind or index % 2
    ]
    expected = run_all(make_engine(make_model(kind), **config), requests)
    engine = make_ahead_engine(make_model(kind), **config)
    found = run_all(engine, requests)
    assert [text_of(found[key]) for key in sorted(found)] == [text_of(expected[key]) for key in sorted(found)]
    assert reasons(found) == reasons(expected)
    assert arguments(found) == arguments(expected)
    assert any(arguments(found).values())
    assert completion_tokens(found) == completion_tokens(expected)
    assert engine.blocks_used == 0
    assert engine._executor.launched_ahead > 5


def completion_tokens(responses: dict[int, list[object]]) -> list[int]:
    return [responses[key][-1].usage.completion_tokens for key in sorted(responses)]


def arguments(responses: dict[int, list[object]]) -> dict[int, str]:
    return {
        key: "".join(call.name + call.arguments for event in events for call in event.tool_calls)
        for key, events in responses.items()
    }


def test_free_responses_take_part_in_every_step_beside_constrained_ones(
    make_ahead_engine, make_model, make_request
) -> None:
    engine = make_ahead_engine(make_model("digest"))
    long = JsonSchemaOutput({"type": "string", "pattern": "^[a-z]{300}$"})
    counted = {"typed": 0, "free": 0}
    engine.add("typed", make_request("typed", output_format=long, max_tokens=250))
    while not counted["typed"]:
        count_tokens(engine, counted)
    engine.add("free", make_request("free", logit_bias=((ord("A"), 100.0),), max_tokens=100))
    while not counted["free"]:
        count_tokens(engine, counted)
    before = dict(counted)
    while counted["free"] < 80:
        count_tokens(engine, counted)
    free, typed = (counted[key] - before[key] for key in ("free", "typed"))
    assert free / 2 - 2 <= typed <= free / 2 + 2


def count_tokens(engine: Engine, counted: dict[str, int]) -> None:
    for key, event in engine.step():
        counted[key] = event.usage.completion_tokens


def test_an_arrival_is_prefilled_while_others_decode(make_ahead_engine, make_model, make_request) -> None:
    engine = make_ahead_engine(make_model("digest"))
    engine.add(0, make_request("first", max_tokens=60))
    counted: dict[int, int] = {0: 0, 1: 0}
    for step in range(30):
        if step == 5:
            engine.add(1, make_request("second", max_tokens=60))
        for key, event in engine.step():
            counted[key] = event.usage.completion_tokens
    assert counted[1] > 20


def test_an_abort_between_steps_frees_everything(make_ahead_engine, make_model, make_request) -> None:
    engine = make_ahead_engine(make_model("digest"))
    for key in range(3):
        engine.add(key, make_request(f"prompt {key}", max_tokens=60))
    for _ in range(6):
        engine.step()
    engine.abort(1)
    events = {0: [], 1: [], 2: []}
    while engine.has_work:
        for key, event in engine.step():
            events[key].append(event)
    assert [events[key][-1].finish_reason for key in range(3)] == ["length", "aborted", "length"]
    assert len(events[1]) == 1
    assert engine.blocks_used == 0


def test_a_deadline_ends_a_response_in_flight(make_ahead_engine, make_model, make_request) -> None:
    now = [0.0]
    engine = make_ahead_engine(make_model("digest"), clock=lambda: now[0])
    engine.add(0, make_request("late", max_tokens=60, deadline=5.0))
    for _ in range(4):
        engine.step()
    now[0] = 6.0
    events = [event for _ in range(3) for _, event in engine.step()]
    assert events[-1].finish_reason == "deadline"
    assert not engine.has_work
    assert engine.blocks_used == 0


def test_a_launch_that_fails_is_tried_chunk_by_chunk(
    make_ahead_engine, make_model, make_request, run_all, no_log_records
) -> None:
    engine = make_ahead_engine(make_model("echo"))
    faults = iter([False] * 3 + [True] * 2 + [False] * 100)  # launched ahead, and then again with the tokens

    def fail() -> None:
        if next(faults):
            raise ZeroDivisionError

    engine._executor.before_launch = fail
    responses = run_all(engine, [make_request("hello"), make_request("world!")])
    assert [text_of(responses[key]) for key in range(2)] == ["hello", "world!"]


def test_a_step_that_the_device_fails_ends_its_requests_alone(
    make_ahead_engine, make_model, make_request, run_all, no_log_records
) -> None:
    engine = make_ahead_engine(make_model("echo"))
    faults = iter([False, False, True] + [False] * 100)

    def fail() -> None:
        if next(faults):
            raise ZeroDivisionError

    engine._executor.before_wait = fail
    events = run_all(engine, [make_request("hello")])[0]
    assert isinstance(events[-1], GenerationFailed)
    assert text_of(run_all(engine, [make_request("again")])[0]) == "again"
    assert engine.blocks_used == 0
