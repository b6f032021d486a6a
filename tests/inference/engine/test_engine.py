"""Responses of the whole engine with a fake model: exact in any batch, and every way to end."""

import random
import weakref
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.overrides import TorchFunctionMode

from inference.config import EngineConfig
from inference.engine.engine import Engine, tower_cost
from inference.errors import (
    GenerationFailed,
    InferenceError,
    PromptRefused,
    PromptTooLong,
    QueueFull,
    UnsupportedModality,
)
from inference.kernels.forward_batch import ForwardBatch
from inference.timeline import Timeline
from inference.types import Audio, Delta, Image, Message, Text, Usage

PROMPTS = [
    "hello",
    "a longer prompt of some forty characters",
    "你好，世界",
    "x",
    "hello again",
    "a longer prompt",
]


def text_of(events: list[Delta | InferenceError]) -> str:
    return "".join(event.text for event in events if isinstance(event, Delta))


def last_of(events: list[Delta | InferenceError]) -> Delta:
    assert isinstance(events[-1], Delta)
    return events[-1]


def step_to_the_end(engine, responses: dict[int, list[Delta | InferenceError]]) -> None:
    while engine.has_work:
        for key, event in engine.step():
            responses[key].append(event)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_response_has_an_empty_delta_then_text_and_ends_with_usage(
    make_engine, make_request, run_all
) -> None:
    engine = make_engine()
    events = run_all(engine, [make_request("héllo")])[0]
    assert events[0] == Delta(usage=Usage(7, 0))
    assert text_of(events) == "héllo"
    assert [event.usage.completion_tokens for event in events] == [0, 1, 3, 4, 5, 6, 7]
    assert events[-1] == Delta(finish_reason="stop", usage=Usage(7, 7))
    assert engine.blocks_used == 0


def test_max_tokens_ends_with_length(make_engine, make_request, run_all) -> None:
    events = run_all(make_engine(), [make_request("hello", max_tokens=3)])[0]
    assert text_of(events) == "hel"
    assert last_of(events) == Delta(finish_reason="length", usage=Usage(6, 3))


def test_a_tag_that_max_tokens_cut_is_not_shown(make_engine, make_request, run_all) -> None:
    assert text_of(run_all(make_engine(), [make_request("wait</think>", max_tokens=9)])[0]) == "wait"


def test_a_stop_string_ends_the_text(make_engine, make_request, run_all) -> None:
    events = run_all(make_engine(), [make_request("one two three", stop=("o t",))])[0]
    assert text_of(events) == "one tw"
    assert last_of(events).finish_reason == "stop"


def test_a_person_who_writes_a_tag_opens_no_reasoning(make_engine, make_request, run_all) -> None:
    events = run_all(make_engine(), [make_request("what does <think>", max_tokens=9)])[0]
    assert text_of(events) == "what does"
    assert not any(event.reasoning for event in events)


def test_reasoning_that_the_template_opened_is_separated(make_engine, make_request, run_all) -> None:
    events = run_all(make_engine(), [make_request("thinking", enable_thinking=True, max_tokens=4)])[0]
    assert text_of(events) == ""
    assert all(isinstance(event, Delta) for event in events)
    assert last_of(events).usage == Usage(10, 4, 4)


def test_a_pictures_features_reach_the_response(make_engine, make_model, make_request, run_all) -> None:
    def response_to(value: int, chunk_tokens: int = 64) -> str:
        messages = (
            Message("user", (Text("abc"), Image(np.full((2, 2, 3), value, np.uint8)), Text("d" * 20))),
        )
        engine = make_engine(make_model("digest"), chunk_tokens=chunk_tokens)
        return text_of(run_all(engine, [make_request(messages=messages)])[0])

    assert response_to(1) != response_to(2)
    assert response_to(1) == response_to(1, chunk_tokens=2)


# The same response in any batch, schedule or preemption

CONFIGS = {
    "in one batch": {},
    "one after the other": {"max_running_requests": 1},
    "in chunks": {"chunk_tokens": 7},
    "preempted": {"kv_cache_tokens": 160, "chunk_tokens": 16},
    "in large blocks": {"block_size": 64},
}
SAMPLINGS = {
    "greedy": {},
    "random": {"temperature": 0.8, "seed": 1},
    "filtered": {"temperature": 1.5, "seed": 2, "top_p": 0.8, "top_k": 40},
    "penalised": {"temperature": 0.7, "seed": 3, "frequency_penalty": 0.9},
}


@pytest.mark.slow
@pytest.mark.parametrize("sampling", SAMPLINGS.values(), ids=SAMPLINGS)
@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_a_response_is_the_same_in_any_batch(
    make_engine, make_model, make_request, run_all, config: dict[str, int], sampling: dict[str, float]
) -> None:
    requests = [make_request(prompt, max_tokens=60, **sampling) for prompt in PROMPTS]
    alone = [text_of(run_all(make_engine(make_model("digest")), [request])[0]) for request in requests]
    engine = make_engine(make_model("digest"), **config)
    together = run_all(engine, requests)
    assert [text_of(together[key]) for key in range(len(requests))] == alone
    assert engine.blocks_used == 0
    again = run_all(engine, requests)  # with all prefixes cached
    assert [text_of(again[key]) for key in range(len(requests))] == alone


def test_preemption_really_happens_in_a_small_cache(make_engine, make_model, make_request, run_all) -> None:
    requests = [make_request(prompt, max_tokens=60) for prompt in PROMPTS]
    large, small = make_model("digest"), make_model("digest")
    run_all(make_engine(large), requests)
    run_all(make_engine(small, kv_cache_tokens=160), requests)
    assert small.decoder.computed_tokens > large.decoder.computed_tokens


def test_a_cached_prefix_is_reused_for_the_same_user(make_engine, make_model, make_request, run_all) -> None:
    model = make_model()
    engine = make_engine(model)
    prompt = "the same long question " * 4

    def computed_for(user: str) -> int:
        before = model.decoder.computed_tokens
        run_all(engine, [make_request(prompt, fairness_key=user, max_tokens=1)])
        return model.decoder.computed_tokens - before

    whole = computed_for("ann")
    assert whole == len(prompt) + 1
    assert computed_for("ann") < 8
    assert computed_for("bob") == whole


def test_a_public_system_prompt_is_cached_for_all_users_and_nothing_after_it(
    make_engine, make_model, make_request, run_all
) -> None:
    system = "you are a helpful assistant of our houses"
    assert len(system) % 4, "a block holds the end of it and a user's own words"
    model = make_model()
    engine = make_engine(model, shared_system_prompts=(system,))

    def computed_for(user: str) -> int:
        before = model.decoder.computed_tokens
        messages = (Message("system", (Text(system),)), Message("user", (Text("my secret " * 4),)))
        run_all(engine, [make_request(messages=messages, fairness_key=user, max_tokens=1)])
        return model.decoder.computed_tokens - before

    whole = computed_for("ann")
    assert computed_for("bob") == whole - len(system) // 4 * 4


# Refusals


def test_a_prompt_that_does_not_fit_into_the_context_is_refused(make_engine, make_request, run_all) -> None:
    engine = make_engine()
    (error,) = run_all(engine, [make_request("x" * 500)])[0]
    assert isinstance(error, PromptTooLong)
    assert (error.prompt_tokens, error.context_length) == (501, 512)


def test_a_prompt_that_could_never_fit_into_the_cache_is_refused(make_engine, make_request, run_all) -> None:
    engine = make_engine(kv_cache_tokens=40)
    assert engine.model_card.context_length == 40
    (error,) = run_all(engine, [make_request("hello", max_tokens=35)])[0]
    assert isinstance(error, PromptTooLong)


def test_max_tokens_may_be_lowered_to_what_the_cache_can_hold(make_engine, make_request, run_all) -> None:
    engine = make_engine(kv_cache_tokens=40)
    responses = run_all(engine, [make_request("x" * 30, max_tokens=100, fits_context=True)])
    assert responses[0][-1].finish_reason in ("stop", "length")
    assert responses[0][-1].usage.prompt_tokens + responses[0][-1].usage.completion_tokens <= 40


def test_a_prompt_that_just_fits_is_served(make_engine, make_request, run_all) -> None:
    engine = make_engine(kv_cache_tokens=40)
    responses = run_all(engine, [make_request("hello", max_tokens=34)])
    assert text_of(responses[0]) == "hello"


def test_a_prompt_of_no_tokens_is_refused(make_engine, make_model, make_request, run_all) -> None:
    model = make_model()
    model.separators = 0
    (error,) = run_all(make_engine(model), [make_request("")])[0]
    assert isinstance(error, PromptRefused)


def test_one_prompt_may_be_larger_than_all_that_may_wait(make_engine, make_request, run_all) -> None:
    engine = make_engine(max_waiting_prompt_tokens=50)
    assert text_of(run_all(engine, [make_request("x" * 100)])[0]) == "x" * 64


def test_prompts_that_run_in_the_next_step_do_not_count_as_waiting(
    make_engine, make_request, run_all
) -> None:
    engine = make_engine(max_waiting_prompt_tokens=250, chunk_tokens=512)
    responses = run_all(engine, [make_request("x" * 100) for _ in range(5)])
    assert [text_of(events) for events in responses.values()] == ["x" * 64] * 5


def test_a_burst_of_refused_prompts_is_not_refused_in_one_step(make_engine, make_model, make_request) -> None:
    """Each has been tokenised, which takes as long as for a prompt that is served."""
    model = make_model()
    engine = make_engine(model)
    for key in range(5):
        engine.add(key, make_request("x" * 600))
    encoded = []
    while engine.has_work:
        before = model.encoded
        engine.step()
        encoded.append(model.encoded - before)
    assert encoded == [1] * 5


def test_more_waiting_prompt_tokens_than_allowed_are_refused(make_engine, make_request, run_all) -> None:
    engine = make_engine(max_running_requests=1, max_waiting_prompt_tokens=250)
    responses = run_all(engine, [make_request("x" * 100) for _ in range(5)])
    assert sum(isinstance(events[-1], QueueFull) for events in responses.values()) > 0
    assert text_of(responses[0]) == "x" * 64


def test_a_prompt_too_many_is_refused_before_any_tower_runs(
    make_engine, make_model, make_request, run_all
) -> None:
    """Requests with a picture are refused because of the text that waits."""
    model = make_model()
    engine = make_engine(model, max_running_requests=1, max_waiting_prompt_tokens=120)
    pictured = (Message("user", (Text("y" * 100), Image(np.zeros((2, 2, 3), np.uint8)))),)
    requests = [make_request("x" * 100), make_request("x" * 100), make_request(messages=pictured)]

    def work() -> None:
        raise AssertionError("a tower worked for a request that is refused")

    model.before_tower = work
    responses = run_all(engine, requests)
    assert isinstance(responses[2][-1], QueueFull)
    assert text_of(responses[0]) == text_of(responses[1]) == "x" * 64


def test_an_unsupported_part_is_refused_and_others_go_on(make_engine, make_request, run_all) -> None:
    recording = (Message("user", (Audio(np.zeros(4, np.float32)),)),)
    responses = run_all(make_engine(), [make_request(messages=recording), make_request("hi")])
    assert isinstance(responses[0][-1], UnsupportedModality)
    assert text_of(responses[1]) == "hi"


# Deadlines and aborts


def test_a_deadline_ends_a_request_before_it_is_encoded(
    make_engine, make_model, make_request, run_all
) -> None:
    model = make_model()
    events = run_all(make_engine(model, lambda: 10.0), [make_request(deadline=10.0)])[0]
    assert events == [Delta(finish_reason="deadline", usage=Usage(0, 0))]
    assert model.encoded == 0


@pytest.mark.parametrize("steps", [1, 2, 4, 30], ids=["waiting", "prefill", "late prefill", "decode"])
@pytest.mark.parametrize("ending", ["deadline", "aborted"])
def test_a_request_can_end_at_every_stage(make_engine, make_request, ending: str, steps: int) -> None:
    clock = Clock()
    engine = make_engine(clock=clock, chunk_tokens=16, max_running_requests=1 if steps == 1 else 2)
    engine.add(0, make_request("first", max_tokens=60))
    engine.add(1, make_request("y" * 100, deadline=5.0))
    responses = {0: [], 1: []}
    for _ in range(steps):
        for key, event in engine.step():
            responses[key].append(event)
    assert all(event.finish_reason is None for event in responses[1])
    if ending == "aborted":
        engine.abort(1)
    else:
        clock.now = 5.0
    step_to_the_end(engine, responses)
    assert last_of(responses[1]).finish_reason == ending
    assert text_of(responses[0]) == "first"
    assert engine.blocks_used == 0


@pytest.mark.parametrize("ending", ["deadline", "aborted"])
def test_a_request_can_end_while_it_is_preempted(
    make_engine, make_model, make_request, run_all, ending: str
) -> None:
    clock = Clock()
    requests = [make_request(letter * 30, max_tokens=60, timeline=Timeline()) for letter in "qrstuv"]
    alone = [text_of(run_all(make_engine(make_model("digest")), [each])[0]) for each in requests]
    youngest = len(requests) - 1
    requests[youngest] = replace(requests[youngest], deadline=5.0)
    engine = make_engine(make_model("digest"), clock, kv_cache_tokens=280)
    responses: dict[int, list[Delta | InferenceError]] = {key: [] for key in range(len(requests))}
    for key, request in enumerate(requests):
        engine.add(key, request)
    while engine.has_work and not any(request.timeline.preemptions for request in requests):
        for key, event in engine.step():
            responses[key].append(event)
    assert requests[youngest].timeline.preemptions
    if ending == "aborted":
        engine.abort(youngest)
    else:
        clock.now = 5.0
    step_to_the_end(engine, responses)
    assert last_of(responses[youngest]).finish_reason == ending
    assert alone[youngest].startswith(text_of(responses[youngest]))
    assert [text_of(responses[key]) for key in range(youngest)] == alone[:youngest]
    assert engine.blocks_used == 0
    assert list(run_all(engine, requests[:1])) == [0], "it was admitted again"


PICTURE = (Message("user", (Image(np.ones((2, 2, 3), dtype=np.uint8)), Text("look"))),)


def piece_of(tokens: float, model, device: str) -> float:
    """Operations that take as long as the prefill of `tokens` tokens."""
    return tokens * model.decoder.config.flops_per_token / tower_cost(torch.device(device))


def test_a_picture_is_encoded_between_the_tokens_of_running_streams(
    make_engine, make_model, make_request, device: str
) -> None:
    model = make_model()
    model.tower_pieces = (piece_of(20, model, device),) * 12
    engine = make_engine(model, chunk_tokens=64)
    engine.add(0, make_request("abcdefghijklmnop"))
    engine.step()
    engine.add(1, make_request(messages=PICTURE))
    emitted = {0: "", 1: ""}
    while not emitted[1]:
        before = len(emitted[0])
        for key, event in engine.step():
            emitted[key] += event.text
        assert len(emitted[0]) == before + 1, "a step without a token of the stream"
    assert len(emitted[0]) == 6 + 1, "two pieces a step, half a chunk, then the prefill"


def test_a_pictures_work_reduces_the_prefill_of_others(
    make_engine, make_model, make_request, device: str
) -> None:
    model = make_model()
    model.tower_pieces = (piece_of(64, model, device),) * 3
    engine = make_engine(model, chunk_tokens=64)
    engine.add(0, make_request("a stream that goes on"))
    engine.step()
    engine.add(1, make_request("x" * 400))
    engine.add(2, make_request(messages=PICTURE))
    engine.step()
    before = model.decoder.computed_tokens
    engine.step()
    assert model.towers_at_work == 1
    assert model.decoder.computed_tokens - before == 64 // 2, "a token of the stream, the rest of the prompt"


def first_words(engine, count: int) -> list[int]:
    """The requests in the order of their first text."""
    order: list[int] = []
    while len(order) < count:
        for key, event in engine.step():
            if event.text and key not in order:
                order.append(key)
    return order


@pytest.mark.parametrize(("pictures", "steps"), [(0, 7), (12, 20)])
def test_pictures_do_not_starve_earlier_requests(
    make_engine, make_model, make_request, device: str, pictures: int, steps: int
) -> None:
    model = make_model("digest")
    model.tower_pieces = (piece_of(64, model, device),) * 10
    engine = make_engine(model, chunk_tokens=64, max_running_requests=32)
    engine.add(0, make_request("a stream that goes on", max_tokens=400))
    engine.step()
    engine.add(1, make_request("x" * 400))
    for key in range(2, 2 + pictures):
        engine.add(key, make_request(messages=PICTURE))
    taken = 0
    while not any(key == 1 and event.text for key, event in engine.step()):
        taken += 1
    assert taken < steps


def test_users_take_turns_with_their_pictures(make_engine, make_model, make_request, device: str) -> None:
    model = make_model("digest")
    model.tower_pieces = (piece_of(64, model, device),) * 4
    engine = make_engine(model, max_running_requests=32)
    for key in range(4):
        engine.add(key, make_request(messages=PICTURE, fairness_key="ann"))
    engine.add(4, make_request(messages=PICTURE, fairness_key="bob"))
    engine.add(5, make_request("hello", fairness_key="cid"))
    engine.add(6, make_request(messages=PICTURE, fairness_key="dan", priority="batch"))
    assert first_words(engine, 7) == [0, 4, 5, 1, 2, 3, 6]


@pytest.mark.parametrize("ending", ["deadline", "aborted", "error"])
def test_a_request_can_end_while_its_picture_is_encoded(
    make_engine, make_model, make_request, ending: str, device: str
) -> None:
    clock, model = Clock(), make_model()
    model.tower_pieces = (
        piece_of(64, model, device),
        piece_of(64, model, device),
        -1 if ending == "error" else 1.0,
    )
    engine = make_engine(model, clock)
    engine.add(0, make_request(messages=PICTURE, deadline=5.0))
    engine.add(1, make_request("hello"))
    assert engine.step() == engine.step() == []
    assert model.towers_at_work == 1
    if ending == "deadline":
        clock.now = 5.0
    elif ending == "aborted":
        engine.abort(0)
    responses = {0: [], 1: []}
    while engine.has_work:
        for key, event in engine.step():
            responses[key].append(event)
        assert model.towers_at_work == 0
    if ending == "error":
        assert [type(event) for event in responses[0]] == [GenerationFailed]
    else:
        assert responses[0] == [Delta(finish_reason=ending, usage=Usage(0, 0))]
    assert text_of(responses[1]) == "hello"
    assert engine.blocks_used == 0


def test_a_request_that_waits_for_a_picture_can_end_without_disturbing_it(
    make_engine, make_model, make_request, device: str
) -> None:
    model = make_model()
    model.tower_pieces = (piece_of(64, model, device),) * 3
    engine = make_engine(model)
    engine.add(0, make_request(messages=PICTURE))
    engine.add(1, make_request("hello"))
    engine.step()
    engine.abort(1)
    engine.add(2, make_request("there"))
    responses = {0: [], 1: [], 2: []}
    step_to_the_end(engine, responses)
    assert last_of(responses[1]).finish_reason == "aborted"
    assert last_of(responses[0]).finish_reason == "stop"
    assert text_of(responses[2]) == "there"
    assert model.encoded == 2


def test_aborting_an_ended_or_unknown_request_does_nothing(make_engine, make_request, run_all) -> None:
    engine = make_engine()
    run_all(engine, [make_request()])
    engine.abort(0)
    engine.abort(99)
    assert not engine.has_work


# Faults

POISON = "\x07"


def fail_on_poison(hidden: torch.Tensor, *_: object) -> None:
    if (hidden[:, 0] == ord(POISON)).any():
        raise RuntimeError("poisoned")


@pytest.mark.parametrize("where", ["before_forward", "before_logits"])
@pytest.mark.parametrize("prompt", [f"ab{POISON}cd", f"{POISON}cd"], ids=["inside", "first"])
def test_a_request_that_fails_fails_alone(
    make_engine, make_model, make_request, run_all, where: str, prompt: str
) -> None:
    model = make_model()
    setattr(model.decoder, where, fail_on_poison)
    engine = make_engine(model)
    responses = run_all(engine, [make_request(text) for text in ["one", "two", prompt, "three", "four"]])
    assert isinstance(responses[2][-1], GenerationFailed)
    assert [text_of(responses[key]) for key in (0, 1, 3, 4)] == ["one", "two", "three", "four"]
    assert engine.blocks_used == 0


def test_a_failure_while_decoding_keeps_the_text_before_it(
    make_engine, make_model, make_request, run_all
) -> None:
    model = make_model()
    model.decoder.before_logits = fail_on_poison
    responses = run_all(make_engine(model), [make_request("hello"), make_request(f"well{POISON}")])
    assert text_of(responses[1]) == "well"
    assert isinstance(responses[1][-1], GenerationFailed)
    assert text_of(responses[0]) == "hello"


def test_a_forward_step_that_fails_while_decoding_fails_one_request(
    make_engine, make_model, make_request, run_all
) -> None:
    model = make_model()

    def fail_in_decode(hidden: torch.Tensor, batch: ForwardBatch) -> None:
        if batch.is_decode:
            fail_on_poison(hidden)

    model.decoder.before_forward = fail_in_decode
    prompts = ["hello", f"{POISON}, which is emitted before it is read", "there"]
    responses = run_all(make_engine(model), [make_request(prompt) for prompt in prompts])
    assert text_of(responses[1]) == POISON
    assert isinstance(responses[1][-1], GenerationFailed)
    assert [text_of(responses[key]) for key in (0, 2)] == ["hello", "there"]


def test_a_request_that_cannot_be_sampled_fails_alone(make_engine, make_model, make_request, run_all) -> None:
    """The penalties of its batch were subtracted already; the step is computed again."""
    fine = make_request(max_tokens=20, frequency_penalty=0.9)
    alone = run_all(make_engine(make_model("digest")), [fine])[0]
    broken = make_request(temperature="which the gateway would refuse")
    responses = run_all(make_engine(make_model("digest")), [fine, broken, fine])
    assert [type(event) for event in responses[1]] == [Delta, GenerationFailed]
    assert text_of(responses[0]) == text_of(responses[2]) == text_of(alone)


def test_logits_that_are_not_finite_fail_one_request(make_engine, make_model, make_request, run_all) -> None:
    model = make_model()
    logits = model.decoder.logits

    def poisoned_logits(rows: torch.Tensor) -> torch.Tensor:
        return torch.where(rows[:, :1] == ord(POISON), float("nan"), logits(rows))

    model.decoder.logits = poisoned_logits
    responses = run_all(make_engine(model), [make_request("fine"), make_request(f"well{POISON}")])
    assert text_of(responses[1]) == "well"
    assert isinstance(responses[1][-1], GenerationFailed)
    assert text_of(responses[0]) == "fine"


def test_a_prompt_that_cannot_be_encoded_fails_alone(make_engine, make_request, run_all) -> None:
    responses = run_all(make_engine(), [make_request("unencodable"), make_request("fine")])
    assert isinstance(responses[0][-1], GenerationFailed)
    assert text_of(responses[1]) == "fine"


def test_no_request_fails_when_memory_runs_out_once(make_engine, make_model, make_request, run_all) -> None:
    model = make_model()
    failures = iter([True])

    def run_out(*_: object) -> None:
        if next(failures, False):
            raise torch.OutOfMemoryError

    model.decoder.before_forward = run_out
    assert text_of(run_all(make_engine(model), [make_request("hello")])[0]) == "hello"


def test_a_batch_too_large_for_memory_is_computed_in_parts(
    make_engine, make_model, make_request, run_all
) -> None:
    model = make_model()

    def run_out(hidden: torch.Tensor, *_: object) -> None:
        if len(hidden) > 10:
            raise torch.OutOfMemoryError

    model.decoder.before_forward = run_out
    responses = run_all(make_engine(model), [make_request(f"hi {key}") for key in range(8)])
    assert [text_of(responses[key]) for key in range(8)] == [f"hi {key}" for key in range(8)]


@pytest.mark.parametrize("error", [torch.OutOfMemoryError, MemoryError])
@pytest.mark.parametrize("failures", [1, 2])
def test_a_tower_that_runs_out_of_memory_is_tried_once_more(
    make_engine, make_model, make_request, run_all, error: type[Exception], failures: int
) -> None:
    model = make_model()
    to_come = iter([error] * failures)

    def run_out() -> None:
        for each in to_come:
            raise each

    model.before_tower = run_out
    responses = run_all(make_engine(model), [make_request(messages=PICTURE), make_request("fine")])
    if failures == 1:
        assert last_of(responses[0]).finish_reason == "stop"
    else:
        assert [type(event) for event in responses[0]] == [GenerationFailed]
    assert text_of(responses[1]) == "fine"
    assert model.towers_at_work == 0


def test_a_device_that_is_lost_while_it_computes_ends_the_engine(make_model, make_request) -> None:
    engine = Engine(make_model(), torch.device("meta"), EngineConfig(kv_cache_tokens=128))
    engine.add(0, make_request())
    with pytest.raises(RuntimeError, match="meta"):
        engine.step()


class OutOfMemoryOnce(TorchFunctionMode):
    """Memory runs out the first time that blocks are cleared."""

    def __init__(self) -> None:
        super().__init__()
        self.failures = 1

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if func is torch.Tensor.index_fill_ and self.failures:
            self.failures -= 1
            raise torch.OutOfMemoryError
        return func(*args, **(kwargs or {}))


def test_running_out_of_memory_where_blocks_are_cleared_is_tried_again(
    make_engine, make_request, run_all
) -> None:
    with OutOfMemoryOnce() as memory:
        assert text_of(run_all(make_engine(), [make_request()])[0]) == "hello"
    assert memory.failures == 0


def test_a_device_that_is_lost_while_it_encodes_a_picture_ends_the_engine(make_model, make_request) -> None:
    """On the device "meta" every read of a value fails."""
    model = make_model()
    model.tower_pieces = (-1,)
    engine = Engine(model, torch.device("meta"), EngineConfig(kv_cache_tokens=128))
    engine.add(0, make_request(messages=PICTURE))
    with pytest.raises(RuntimeError, match="meta"):
        engine.step()


@pytest.mark.parametrize("where", ["a tower", "the decoder"])
@pytest.mark.usefixtures("no_garbage_collection", "no_log_records")
def test_a_failed_request_is_freed_at_once(make_engine, make_model, make_request, where: str) -> None:
    """Its tensors may be large, and the time of a garbage collection is not known."""
    model = make_model()
    held: list[weakref.ref[torch.Tensor]] = []

    def fail(*_: object) -> None:
        activations = torch.zeros(3)
        held.append(weakref.ref(activations))
        try:
            _ = activations[3]
        except IndexError:
            raise RuntimeError("this one has a context, with frames of its own") from None

    if where == "a tower":
        model.before_tower = fail
    else:
        model.decoder.before_forward = fail
    engine = make_engine(model)
    engine.add(0, make_request(messages=PICTURE))
    responses: dict[int, list[Delta | InferenceError]] = {0: []}
    step_to_the_end(engine, responses)
    assert isinstance(responses[0][-1], GenerationFailed)
    assert [reference() for reference in held] == [None]


def test_errors_do_not_keep_the_prompt_alive(make_engine, make_request, run_all) -> None:
    responses = run_all(make_engine(), [make_request("x" * 600), make_request("unencodable")])
    assert all(events[-1].__traceback__ is None for events in responses.values())


@pytest.mark.slow
def test_after_a_thousand_random_requests_every_block_is_free(
    make_engine, make_model, make_request, device: str
) -> None:
    chance = random.Random(0)
    clock = Clock()
    model = make_model("digest")
    model.decoder.before_forward = fail_now_and_then(chance)
    model.tower_pieces = (piece_of(20, model, device),) * 5
    engine = make_engine(model, clock, kv_cache_tokens=800, chunk_tokens=32, max_running_requests=8)
    waiting_to_come = list(range(1000))
    live: set[int] = set()
    ended: dict[int, int] = {}
    while waiting_to_come or engine.has_work:
        for _ in range(chance.randrange(4)):
            if waiting_to_come:
                key = waiting_to_come.pop()
                live.add(key)
                engine.add(key, random_request(make_request, chance, clock.now))
        if live and chance.random() < 0.1:
            engine.abort(chance.choice(sorted(live)))
        for key, event in engine.step():
            if not isinstance(event, Delta) or event.finish_reason is not None:
                ended[key] = ended.get(key, 0) + 1
                live.discard(key)
        clock.now += 1
    assert ended == dict.fromkeys(range(1000), 1)
    assert engine.blocks_used == 0
    assert model.towers_at_work == 0


def random_request(make_request, chance: random.Random, now: float):
    text = Text("".join(chance.choices("abcdef ", k=chance.randrange(1, 120))))
    parts = (*PICTURE[0].parts[:1], text) if chance.random() < 0.2 else (text,)
    return make_request(
        messages=(Message("user", parts),),
        max_tokens=chance.randrange(1, 60),
        temperature=chance.choice([0.0, 1.0]),
        frequency_penalty=chance.choice([0.0, 0.5]),
        stop=chance.choice([(), ("e",)]),
        deadline=now + chance.choice([10.0, 100.0, float("inf")]),
        fairness_key=chance.choice("abc"),
        priority=chance.choice(["interactive", "batch"]),
    )


def fail_now_and_then(chance: random.Random) -> Callable[..., None]:
    def fail(*_: object) -> None:
        if chance.random() < 0.02:
            raise RuntimeError

    return fail
