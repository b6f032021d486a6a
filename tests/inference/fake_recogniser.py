"""A recogniser without weights: it reads words that a test has written into a recording's samples."""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from inference.models.whisper import WindowState
from inference.types import Audio

from .fake_model import FakeTokenizer

WINDOW = 64  # samples
LANGUAGE = 7
GIVEN_LANGUAGE = 8


def speak(words: str) -> Audio:
    """A recording of the words: one byte per sample, after a space as Whisper would write it."""
    return Audio(np.frombuffer(f" {words}".encode(), dtype=np.uint8).astype(np.float32))


class FakeRecogniser:
    window_samples = WINDOW
    max_tokens = 448
    languages = frozenset({"en"})

    def __init__(self) -> None:
        self.before_step: Callable[[], None] = lambda: None
        self.windows: list[tuple[int, int | None]] = []  # samples, and the language that was given

    def encode_window(self, samples: NDArray[np.float32], language: int | None = None) -> WindowState:
        self.before_step()
        self.windows.append((len(samples), language))
        return WindowState(torch.from_numpy(samples), language or LANGUAGE, [0], None, 1)

    def next_token(self, window: WindowState) -> int | None:
        self.before_step()
        emitted = len(window.token_ids)
        if emitted == len(window.states):
            return None
        window.token_ids.append(int(window.states[emitted]))
        return window.token_ids[-1]

    def language_code(self, language: int | None) -> str:
        return "" if language is None else f"language {language}"

    def language_of(self, code: str) -> int | None:
        return GIVEN_LANGUAGE if code == "en" else None

    def probe(self) -> None:
        pass


class LoadedFakeRecogniser:
    name = "recogniser"
    created = 0

    def __init__(self) -> None:
        self.model = FakeRecogniser()
        self.tokenizer = FakeTokenizer()
