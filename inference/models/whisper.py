"""Greedy transcription with Whisper, one window of a recording at a time and one token a step.

transformers' own `generate` would hold the thread for a whole recording and could not be stopped.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from inference.devices import probe
from inference.modalities.audio import HOP_SIZE, log_mel
from inference.models.transformers_whisper import WhisperModule

FRAMES_PER_POSITION = 2  # the encoder's second convolution has a stride of two


@dataclass(frozen=True, slots=True)
class WhisperTokens:
    """Token ids with a meaning. Without `languages` the model knows one language, and one task."""

    start: int
    ends: frozenset[int]
    no_timestamps: int
    languages: tuple[int, ...]
    language_codes: tuple[str, ...]  # of `languages`: "en"
    transcribe: int | None
    suppressed: tuple[int, ...]  # never generated
    suppressed_first: tuple[int, ...]  # never generated as the first token


@dataclass(slots=True, eq=False)
class WindowState:
    """One window being decoded. `language` is None if the model knows only one."""

    states: Tensor  # (1, positions, hidden), from the encoder
    language: int | None
    next_ids: list[int]  # what the decoder has not seen yet
    cache: Any  # transformers' EncoderDecoderCache, which is not typed
    prefix_length: int
    token_ids: list[int] = field(default_factory=list)


class Whisper:
    """Made by `load_recogniser`, owned by one worker's thread."""

    def __init__(self, module: nn.Module, tokens: WhisperTokens) -> None:
        self._module = WhisperModule(module)
        self._tokens = tokens

    @property
    def window_samples(self) -> int:
        return self._module.positions * FRAMES_PER_POSITION * HOP_SIZE

    @property
    def max_tokens(self) -> int:
        """Of a window, its prefix included."""
        return self._module.max_tokens

    @property
    def languages(self) -> frozenset[str]:
        """Codes such as "en". Models of one language are English ones."""
        return frozenset(self._tokens.language_codes or ("en",))

    @torch.inference_mode()
    def encode_window(self, samples: NDArray[np.float32], language: int | None = None) -> WindowState:
        """Encodes samples (at most window_samples,), and detects their language unless it is given."""
        module = self._module
        features = log_mel(samples, module.num_mels, module.positions * FRAMES_PER_POSITION)
        states = module.encode(features[None].to(module.weight.device, module.weight.dtype))
        tokens = self._tokens
        prefix = [tokens.start]
        if tokens.languages:
            language = language if language is not None else self._detect_language(states)
            prefix += [language] if tokens.transcribe is None else [language, tokens.transcribe]
        prefix.append(tokens.no_timestamps)
        return WindowState(states, language, prefix, module.new_cache(), len(prefix))

    @torch.inference_mode()
    def next_token(self, window: WindowState) -> int | None:
        """Decodes one token of the window. Returns None at its end."""
        if window.prefix_length + len(window.token_ids) >= self._module.max_tokens:
            return None
        logits = self._decode(window.states, window.next_ids, window.cache)
        suppressed = self._tokens.suppressed
        if not window.token_ids:
            suppressed += self._tokens.suppressed_first
        logits[list(suppressed)] = -torch.inf
        logits[self._tokens.no_timestamps :] = -torch.inf  # timestamps come last in every vocabulary
        token_id = int(logits.argmax())
        if token_id in self._tokens.ends:
            return None
        window.token_ids.append(token_id)
        window.next_ids = [token_id]
        return token_id

    def language_code(self, language: int | None) -> str:
        """Of a window's `language`; "" if the model knows only one."""
        tokens = self._tokens
        return "" if language is None else tokens.language_codes[tokens.languages.index(language)]

    def language_of(self, code: str) -> int | None:
        """The `language` of a window; None for a model that knows only one, and for codes that it lacks."""
        tokens = self._tokens
        return tokens.languages[tokens.language_codes.index(code)] if code in tokens.language_codes else None

    def probe(self) -> None:
        """Raises when the device itself does not work any more."""
        probe(self._module.weight.device)

    def _detect_language(self, states: Tensor) -> int:
        logits = self._decode(states, [self._tokens.start], self._module.new_cache())
        languages = torch.tensor(self._tokens.languages, device=logits.device)
        return int(languages[logits[languages].argmax()])

    def _decode(self, states: Tensor, token_ids: list[int], cache: Any) -> Tensor:
        """Returns (vocab,) float32 after the last of `token_ids`, and adds them to the cache."""
        ids = torch.tensor([token_ids], device=states.device)
        return self._module.decode(states, ids, cache).float()
