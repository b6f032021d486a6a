"""Transcribes recordings on one device, one after the other. A step encodes a window or decodes a token.

A worker's one thread creates, steps and drops it, like the engine.
"""

import logging
import time
from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from inference.engine.arrivals import Arrival
from inference.engine.detokenizer import Detokenizer, TokenBytes, make_token_bytes
from inference.engine.language_model import Vocabulary
from inference.engine.outcome import Outcome
from inference.engine.priority_queue import PriorityQueue
from inference.errors import GenerationFailed, InferenceError
from inference.modalities.audio import HOP_SIZE
from inference.model_card import ModelCard, SpeechFit
from inference.models.whisper import FRAMES_PER_POSITION, WindowState
from inference.types import Delta, FinishReason, GenerationRequest, Usage
from inference.voice_activity.pauses import cut_at_pauses

logger = logging.getLogger(__name__)


class Recogniser(Protocol):
    """Transcribes one window of a recording, token by token. `inference.models.whisper` has one."""

    @property
    def window_samples(self) -> int: ...
    @property
    def max_tokens(self) -> int: ...
    @property
    def languages(self) -> frozenset[str]: ...

    def encode_window(self, samples: NDArray[np.float32], language: int | None = None) -> WindowState: ...
    def next_token(self, window: WindowState) -> int | None: ...
    def language_code(self, language: int | None) -> str: ...
    def language_of(self, code: str) -> int | None: ...
    def probe(self) -> None: ...


class SpeechModel(Protocol):
    """A recogniser with its name and vocabulary. `inference.loading.recogniser` loads one."""

    @property
    def name(self) -> str: ...
    @property
    def created(self) -> int: ...
    @property
    def model(self) -> Recogniser: ...
    @property
    def tokenizer(self) -> Vocabulary: ...


class _Transcription:
    """One recording being transcribed. `_windows` are not begun yet, `_window` is being decoded."""

    def __init__(
        self, key: int, request: GenerationRequest, model: Recogniser, token_bytes: TokenBytes
    ) -> None:
        (recording,) = request.recordings
        self.key = key
        self.request = request
        self.prompt_tokens = max(1, -(-len(recording.samples) // (FRAMES_PER_POSITION * HOP_SIZE)))
        self.output_tokens = 0
        self._model = model
        self._windows = cut_at_pauses(recording.samples, model.window_samples)
        self._window: WindowState | None = None
        self._language = model.language_of(request.language)  # or found in the first window
        self._detokenizer = Detokenizer(token_bytes)
        self._has_text = False

    @property
    def language(self) -> str:
        return self._model.language_code(self._language)

    @property
    def usage(self) -> Usage:
        return Usage(self.prompt_tokens, self.output_tokens)

    def step(self) -> tuple[str, FinishReason | None]:
        """Returns the text that can be emitted after this step, and the finish reason if it was the last."""
        if self._window is None:
            self._window = self._model.encode_window(self._windows.pop(0), self._language)
            self._language = self._window.language
            return "", None
        token_id = self._model.next_token(self._window)
        if token_id is None:
            self._window = None
            return "", None if self._windows else "stop"
        self.output_tokens += 1
        text = self._detokenizer.push(token_id)
        if not self._has_text:  # every window begins with a space, which the first one does not need
            text = text.lstrip()
            self._has_text = bool(text)
        is_full = self.output_tokens >= self.request.sampling_params.max_tokens
        return text, "length" if is_full else None


class SpeechEngine:
    """See `Steppable`. Its "blocks" are recordings that are being decoded: one at most."""

    blocks_total = 1

    def __init__(self, recogniser: SpeechModel, clock: Callable[[], float] = time.monotonic) -> None:
        self._recogniser = recogniser
        self._clock = clock
        self._token_bytes = make_token_bytes(recogniser.tokenizer, shown=frozenset())
        self._waiting: dict[int, Arrival] = {}
        self._queue = PriorityQueue[Arrival]()
        self._current: _Transcription | None = None
        self._outcomes: list[Outcome] = []

    @property
    def model_card(self) -> ModelCard:
        recogniser = self._recogniser
        return ModelCard(
            recogniser.name,
            recogniser.model.max_tokens,
            frozenset({"audio"}),
            recogniser.created,
            speech_fit=SpeechFit(languages=recogniser.model.languages),
        )

    @property
    def has_work(self) -> bool:
        return bool(self._waiting or self._current or self._outcomes)

    @property
    def blocks_used(self) -> int:
        return int(self._current is not None)

    def add(self, key: int, request: GenerationRequest) -> None:
        self._waiting[key] = Arrival(key, request)
        self._queue.push(self._waiting[key])

    def abort(self, key: int) -> None:
        self._end(key, "aborted")

    def step(self) -> list[Outcome]:
        """Raises only when the device is lost. An error of one recording is an outcome of its request."""
        self._end_overdue()
        priority = self._queue.next_priority
        if self._current is None and priority is not None:
            self._begin(self._queue.pop(priority))
        if self._current is not None:
            self._advance(self._current)
        outcomes, self._outcomes = self._outcomes, []
        return outcomes

    def _begin(self, arrival: Arrival) -> None:
        key, request = arrival.key, arrival.request
        del self._waiting[key]
        try:
            current = _Transcription(key, request, self._recogniser.model, self._token_bytes)
        except Exception as error:
            self._fail(key, error)
            return
        self._current = current
        if request.timeline is not None:
            request.timeline.begin(self._clock())
        self._outcomes.append((key, Delta(usage=current.usage)))

    def _advance(self, current: _Transcription) -> None:
        before = current.output_tokens
        try:
            text, finish_reason = current.step()
        except Exception as error:
            self._current = None
            self._fail(current.key, error)
            self._recogniser.model.probe()
            return
        if current.request.timeline is not None:
            has_token = current.output_tokens > before
            current.request.timeline.note_step(self._clock(), 1, has_token=has_token)
        if text:
            self._outcomes.append((current.key, Delta(text, usage=current.usage)))
        if finish_reason is not None:
            self._end(current.key, finish_reason)

    def _end_overdue(self) -> None:
        now = self._clock()
        requests = {key: arrival.request for key, arrival in self._waiting.items()}
        if self._current is not None:
            requests[self._current.key] = self._current.request
        for key, request in requests.items():
            if request.deadline <= now:
                self._end(key, "deadline")

    def _end(self, key: int, finish_reason: FinishReason) -> None:
        usage, language = Usage(0, 0), ""
        arrival = self._waiting.pop(key, None)
        if arrival is not None:
            self._queue.remove(arrival)
        else:
            if self._current is None or self._current.key != key:
                return
            usage, language = self._current.usage, self._current.language
            self._current = None
        self._outcomes.append((key, Delta(finish_reason=finish_reason, usage=usage, language=language)))

    def _fail(self, key: int, error: Exception) -> None:
        if not isinstance(error, InferenceError):
            logger.error("a transcription failed: %s", type(error).__name__, exc_info=error)
            error = GenerationFailed(f"{type(error).__name__} while it was transcribed")
        self._outcomes.append((key, error.with_traceback(None)))  # frames would keep the recording alive
