"""Recordings to words, step by step: in order, in windows, and every way to end."""

import pytest

from inference.engine.speech_engine import SpeechEngine
from inference.errors import GenerationFailed
from inference.types import Delta, GenerationRequest, Message, SamplingParams, Usage

from ..fake_recogniser import LANGUAGE, WINDOW, LoadedFakeRecogniser, speak

LONG = "every word of a recording that is much longer than one window is heard, in order; " * 3


@pytest.fixture
def ears() -> LoadedFakeRecogniser:
    return LoadedFakeRecogniser()


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def ask(words: str, max_tokens: int = 1000, deadline: float = float("inf")) -> GenerationRequest:
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


def test_words_come_out_whole_and_with_their_usage(ears: LoadedFakeRecogniser) -> None:
    engine = SpeechEngine(ears)
    engine.add(0, ask("打开微信"))
    events = run(engine)[0]
    assert text_of(events) == "打开微信"
    assert events[0] == Delta(usage=Usage(1, 0))
    assert events[-1] == Delta(finish_reason="stop", usage=Usage(1, 13))
    assert engine.blocks_used == 0


def test_recordings_are_heard_in_order(ears: LoadedFakeRecogniser) -> None:
    engine = SpeechEngine(ears)
    for key, words in enumerate(["one", "two", "three"]):
        engine.add(key, ask(words))
    events = run(engine)
    assert list(events) == [0, 1, 2]
    assert [text_of(each) for each in events.values()] == ["one", "two", "three"]


def test_a_long_recording_is_heard_in_windows_in_the_firsts_language(
    ears: LoadedFakeRecogniser,
) -> None:
    engine = SpeechEngine(ears)
    engine.add(0, ask(LONG))
    assert text_of(run(engine)[0]) == LONG
    lengths, languages = zip(*ears.model.windows, strict=True)
    assert sum(lengths) == len(LONG) + 1
    assert max(lengths) == WINDOW
    assert languages == (None, *[LANGUAGE] * (len(languages) - 1))


def test_max_tokens_ends_with_length(ears: LoadedFakeRecogniser) -> None:
    engine = SpeechEngine(ears)
    engine.add(0, ask("hello there", max_tokens=6))
    events = run(engine)[0]
    assert text_of(events) == "hello"
    assert events[-1] == Delta(finish_reason="length", usage=Usage(1, 6))


@pytest.mark.parametrize("ending", ["aborted", "deadline"])
@pytest.mark.parametrize("steps", [0, 1, 2, 5], ids=["waiting", "encoded", "first token", "decoding"])
def test_a_transcription_can_end_at_every_stage(ears: LoadedFakeRecogniser, ending: str, steps: int) -> None:
    clock = Clock()
    engine = SpeechEngine(ears, clock)
    engine.add(0, ask("a long answer", deadline=5.0))
    engine.add(1, ask("another"))
    events: list[object] = []
    for _ in range(steps):
        events += [event for _, event in engine.step()]
    if ending == "aborted":
        engine.abort(0)
    else:
        clock.now = 5.0
    answers = run(engine)
    assert answers[0][-1].finish_reason == ending
    assert text_of(answers[1]) == "another"
    assert engine.blocks_used == 0


def test_what_waits_behind_another_can_end_too(ears: LoadedFakeRecogniser) -> None:
    engine = SpeechEngine(ears)
    engine.add(0, ask("first"))
    engine.add(1, ask("second"))
    engine.step()
    engine.abort(1)
    engine.abort(99)
    answers = run(engine)
    assert text_of(answers[0]) == "first"
    assert answers[1] == [Delta(finish_reason="aborted", usage=Usage(0, 0))]


@pytest.mark.parametrize("failing_step", [1, 2, 4])
def test_a_recording_that_fails_fails_alone(ears: LoadedFakeRecogniser, failing_step: int) -> None:
    steps = 0

    def fail_once() -> None:
        nonlocal steps
        steps += 1
        if steps == failing_step:
            raise RuntimeError("an operation failed")

    ears.model.before_step = fail_once
    engine = SpeechEngine(ears)
    engine.add(0, ask("poison"))
    engine.add(1, ask("fine"))
    answers = run(engine)
    assert isinstance(answers[0][-1], GenerationFailed)
    assert answers[0][-1].__traceback__ is None
    assert text_of(answers[1]) == "fine"
    assert engine.blocks_used == 0


def test_a_request_without_a_recording_fails_alone(ears: LoadedFakeRecogniser) -> None:
    engine = SpeechEngine(ears)
    engine.add(0, GenerationRequest("", (), task="transcribe"))
    engine.add(1, ask("fine"))
    answers = run(engine)
    assert isinstance(answers[0][-1], GenerationFailed)
    assert text_of(answers[1]) == "fine"
