"""Transcription step by step: in order, in windows, and every way to end."""

from dataclasses import replace

import pytest

from inference.engine.speech_engine import SpeechEngine
from inference.errors import GenerationFailed
from inference.types import Delta, GenerationRequest, Message, SamplingParams, Usage

from ..fake_recogniser import GIVEN_LANGUAGE, LANGUAGE, WINDOW, LoadedFakeRecogniser, speak

LONG = "every word of a recording that is much longer than one window is heard, in order; " * 3


@pytest.fixture
def recogniser() -> LoadedFakeRecogniser:
    return LoadedFakeRecogniser()


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def recording_request(
    words: str, max_tokens: int = 1000, deadline: float = float("inf")
) -> GenerationRequest:
    messages = (Message("user", (speak(words),)),)
    return GenerationRequest("", messages, SamplingParams(max_tokens), deadline=deadline, task="transcribe")


def run(engine: SpeechEngine, max_steps: int = 2000) -> dict[int, list[object]]:
    events: dict[int, list[object]] = {}
    for _ in range(max_steps):
        if not engine.has_work:
            return events
        for key, event in engine.step():
            events.setdefault(key, []).append(event)
    raise AssertionError("the engine does not come to an end")


def text_of(events: list[object]) -> str:
    return "".join(event.text for event in events if isinstance(event, Delta))


def test_text_is_emitted_in_whole_characters_with_its_usage(recogniser: LoadedFakeRecogniser) -> None:
    engine = SpeechEngine(recogniser)
    engine.add(0, recording_request("打开微信"))
    events = run(engine)[0]
    assert text_of(events) == "打开微信"
    assert events[0] == Delta(usage=Usage(1, 0))
    last = Delta(finish_reason="stop", usage=Usage(1, 13), language=f"language {LANGUAGE}")
    assert events[-1] == last
    assert engine.blocks_used == 0


def test_recordings_are_transcribed_in_order(recogniser: LoadedFakeRecogniser) -> None:
    engine = SpeechEngine(recogniser)
    for key, words in enumerate(["one", "two", "three"]):
        engine.add(key, recording_request(words))
    events = run(engine)
    assert list(events) == [0, 1, 2]
    assert [text_of(each) for each in events.values()] == ["one", "two", "three"]


def test_a_long_recording_is_transcribed_in_windows_in_the_first_ones_language(
    recogniser: LoadedFakeRecogniser,
) -> None:
    engine = SpeechEngine(recogniser)
    engine.add(0, recording_request(LONG))
    assert text_of(run(engine)[0]) == LONG
    lengths, languages = zip(*recogniser.model.windows, strict=True)
    assert sum(lengths) == len(LONG) + 1
    assert max(lengths) == WINDOW
    assert languages == (None, *[LANGUAGE] * (len(languages) - 1))


def test_a_language_that_the_request_names_is_that_of_every_window(
    recogniser: LoadedFakeRecogniser,
) -> None:
    engine = SpeechEngine(recogniser)
    engine.add(0, replace(recording_request(LONG), language="en"))
    run(engine)
    assert {language for _, language in recogniser.model.windows} == {GIVEN_LANGUAGE}


def test_max_tokens_ends_with_length(recogniser: LoadedFakeRecogniser) -> None:
    engine = SpeechEngine(recogniser)
    engine.add(0, recording_request("hello there", max_tokens=6))
    events = run(engine)[0]
    assert text_of(events) == "hello"
    last = Delta(finish_reason="length", usage=Usage(1, 6), language=f"language {LANGUAGE}")
    assert events[-1] == last


@pytest.mark.parametrize("ending", ["aborted", "deadline"])
@pytest.mark.parametrize("steps", [0, 1, 2, 5], ids=["waiting", "encoded", "first token", "decoding"])
def test_a_transcription_can_end_at_every_stage(
    recogniser: LoadedFakeRecogniser, ending: str, steps: int
) -> None:
    clock = Clock()
    engine = SpeechEngine(recogniser, clock)
    engine.add(0, recording_request("a long answer", deadline=5.0))
    engine.add(1, recording_request("another"))
    events: list[object] = []
    for _ in range(steps):
        events += [event for _, event in engine.step()]
    if ending == "aborted":
        engine.abort(0)
    else:
        clock.now = 5.0
    responses = run(engine)
    assert responses[0][-1].finish_reason == ending
    assert text_of(responses[1]) == "another"
    assert engine.blocks_used == 0


def test_a_waiting_transcription_can_end_too(recogniser: LoadedFakeRecogniser) -> None:
    engine = SpeechEngine(recogniser)
    engine.add(0, recording_request("first"))
    engine.add(1, recording_request("second"))
    engine.step()
    engine.abort(1)
    engine.abort(99)
    responses = run(engine)
    assert text_of(responses[0]) == "first"
    assert responses[1] == [Delta(finish_reason="aborted", usage=Usage(0, 0))]


@pytest.mark.parametrize("failing_step", [1, 2, 4])
def test_a_recording_that_fails_fails_alone(recogniser: LoadedFakeRecogniser, failing_step: int) -> None:
    steps = 0

    def fail_once() -> None:
        nonlocal steps
        steps += 1
        if steps == failing_step:
            raise RuntimeError("an operation failed")

    recogniser.model.before_step = fail_once
    engine = SpeechEngine(recogniser)
    engine.add(0, recording_request("poison"))
    engine.add(1, recording_request("fine"))
    responses = run(engine)
    assert isinstance(responses[0][-1], GenerationFailed)
    assert responses[0][-1].__traceback__ is None
    assert text_of(responses[1]) == "fine"
    assert engine.blocks_used == 0


def test_a_request_without_a_recording_fails_alone(recogniser: LoadedFakeRecogniser) -> None:
    engine = SpeechEngine(recogniser)
    engine.add(0, GenerationRequest("", (), task="transcribe"))
    engine.add(1, recording_request("fine"))
    responses = run(engine)
    assert isinstance(responses[0][-1], GenerationFailed)
    assert text_of(responses[1]) == "fine"
