"""Everything that a worker's process exchanges with the gateway arrives as it was sent."""

import logging
import threading
from multiprocessing import Pipe

import numpy as np
import pytest

from inference import errors
from inference.errors import InferenceError, InvalidCheckpoint, PromptTooLong, UnsupportedModality
from inference.timeline import Timeline
from inference.types import Audio, Delta, GenerationRequest, Image, Message, Usage
from inference.workers.messages import Add, Channel, Logged, Stepped


@pytest.fixture
def send():
    """Sends a message through a connection, and returns what arrives."""
    ours, theirs = Pipe()

    def through(message):
        sending = threading.Thread(target=Channel(ours).send, args=(message,))
        sending.start()
        arrived = Channel(theirs).receive()
        sending.join()
        return arrived

    with ours, theirs:
        yield through


def test_pictures_and_recordings_arrive_as_they_are(send) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (2400, 1080, 3), dtype=np.uint8)
    turned = pixels.transpose(1, 0, 2)
    samples = np.linspace(-1, 1, 16_000, dtype=np.float32)
    samples.flags.writeable = False
    parts = (Image(pixels), Image(turned), Audio(samples))
    key, request = send(Add(7, GenerationRequest("id", (Message("user", parts),), timeline=Timeline("1"))))
    first, second, recording = request.messages[0].parts
    assert key == 7
    assert np.array_equal(first.pixels, pixels)
    assert np.array_equal(second.pixels, turned)
    assert np.array_equal(recording.samples, samples)
    assert first.pixels.flags.writeable
    assert not recording.samples.flags.writeable
    assert request.timeline == Timeline("1")


def test_outcomes_arrive_in_order(send) -> None:
    outcomes = [
        (1, Delta(usage=Usage(3, 0))),
        (1, Delta("text", "reasoning", None, Usage(3, 2, 1))),
        (2, PromptTooLong(10, 20, 25)),
        (1, Delta(finish_reason="stop", usage=Usage(3, 3, 1))),
    ]
    arrived = send(Stepped(5, outcomes, {1: Timeline(decode_steps=2)}))
    assert arrived.blocks_used == 5
    assert arrived.timelines == {1: Timeline(decode_steps=2)}
    assert [key for key, _ in arrived.outcomes] == [1, 1, 2, 1]
    assert [event for _, event in arrived.outcomes if isinstance(event, Delta)] == [
        event for _, event in outcomes if isinstance(event, Delta)
    ]


@pytest.mark.parametrize(
    "error",
    [PromptTooLong(10, 20, 25), UnsupportedModality("audio"), InvalidCheckpoint("It is empty.")],
    ids=lambda error: type(error).__name__,
)
def test_errors_arrive_with_their_fields(send, error: InferenceError) -> None:
    ((_, arrived),) = send(Stepped(0, [(1, error)], {})).outcomes
    assert type(arrived) is type(error)
    assert str(arrived) == str(error)
    assert vars(arrived) == vars(error)


def test_every_error_can_be_sent(send) -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    for kind in filter(lambda kind: issubclass(kind, InferenceError), kinds):
        error = kind.__new__(kind, "message")
        ((_, arrived),) = send(Stepped(0, [(1, error)], {})).outcomes
        assert type(arrived) is kind
        assert arrived.args == ("message",)


def test_log_records_arrive(send) -> None:
    record = logging.makeLogRecord({"name": "inference.engine", "levelno": logging.ERROR, "msg": "failed"})
    assert vars(send(Logged(record)).record) == vars(record)


def test_the_end_of_the_other_process_is_an_error() -> None:
    ours, theirs = Pipe()
    theirs.close()
    with ours, pytest.raises(EOFError):
        Channel(ours).receive()
