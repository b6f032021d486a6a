"""An engine over a fake model that breaks its own process, in ways that a library or a device can."""

import ctypes
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import torch

from inference.config import EngineConfig
from inference.engine.engine import Engine
from inference.types import Text

from ..fake_model import FakeModel


class DeviceLost(BaseException):
    """Not an Exception, so that the engine does not catch it."""


def lose_device() -> None:
    raise DeviceLost


def wait_forever() -> None:
    threading.Event().wait()


FAULTS: dict[str, Callable[[], object]] = {
    "SIGSEGV": lambda: ctypes.string_at(0),
    "SIGKILL": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "SIGSTOP": lambda: os.kill(os.getpid(), signal.SIGSTOP),
    "exit code 3": lambda: os._exit(3),
    "exit code 1": lose_device,
    "hang": wait_forever,
}


class FaultyModel(FakeModel):
    """A prompt that is the name of a fault meets it, the first time in `directory`."""

    def __init__(self, directory: Path) -> None:
        super().__init__()
        self._directory = directory

    def encode_stepwise(self, messages, enable_thinking, task, admit, tools=()):
        for message in messages:
            for part in message.parts:
                if isinstance(part, Text) and part.text in FAULTS:
                    mark = self._directory / part.text
                    if not mark.exists():
                        mark.touch()
                        FAULTS[part.text]()
        return super().encode_stepwise(messages, enable_thinking, task, admit, tools)


def make_faulty_engine(directory: Path, step_seconds: float = 0.0) -> Engine:
    model = FaultyModel(directory)
    model.decoder.before_forward = lambda *_: threading.Event().wait(step_seconds)
    return Engine(model, torch.device("cpu"), EngineConfig(block_size=4, kv_cache_tokens=4096))
