"""Whisper, a window of a recording at a time, greedily: transformers' own module behind short steps.

Its `generate` would hold the thread for a whole recording and could not be stopped. Nothing of a
recording stays on the module.
"""

import inspect
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from inference.devices import probe
from inference.errors import InvalidCheckpoint
from inference.modalities.audio import HOP_SIZE, log_mel
from inference.torchaudio_shim import import_torchaudio

FRAMES_PER_POSITION = 2  # the encoder's second convolution has a stride of two


@dataclass(frozen=True, slots=True)
class WhisperTokens:
    """Token ids with a meaning. Without `languages` the model knows one language, and one task."""

    start: int
    ends: frozenset[int]
    no_timestamps: int
    languages: tuple[int, ...]
    transcribe: int | None
    suppressed: tuple[int, ...]  # never said
    suppressed_first: tuple[int, ...]  # likewise, as the first token


@dataclass(slots=True, eq=False)
class WindowState:
    """One window being decoded. `language` is None where the model knows one only."""

    states: Tensor  # (1, positions, hidden), from the encoder
    language: int | None
    next_ids: list[int]  # what the decoder has not seen yet
    cache: Any  # transformers' EncoderDecoderCache, which is not typed
    prefix_length: int
    token_ids: list[int] = field(default_factory=list)


class Whisper:
    """Made by `load_recogniser`, owned by one worker's thread."""

    def __init__(self, module: nn.Module, tokens: WhisperTokens) -> None:
        config: Any = module.config
        self._module: Any = module  # transformers' own, whose forward is not typed
        parameters = inspect.signature(module.forward).parameters
        self._cache_name = "cache" if "cache" in parameters else "past_key_values"  # before transformers 5.24
        self._tokens = tokens
        self._num_mels: int = config.num_mel_bins
        self._positions: int = config.max_source_positions
        self._max_tokens: int = config.max_target_positions
        self._weight = next(module.parameters())

    @property
    def window_samples(self) -> int:
        return self._positions * FRAMES_PER_POSITION * HOP_SIZE

    @property
    def max_tokens(self) -> int:
        """Of a window, its prefix included."""
        return self._max_tokens

    @torch.inference_mode()
    def encode_window(self, samples: NDArray[np.float32], language: int | None = None) -> WindowState:
        """Encodes a window, samples (at most window_samples,), and finds its language unless it is given."""
        features = log_mel(samples, self._num_mels, self._positions * FRAMES_PER_POSITION)
        features = features[None].to(self._weight.device, self._weight.dtype)  # (1, mels, frames)
        states = self._module.model.encoder(features).last_hidden_state
        tokens = self._tokens
        prefix = [tokens.start]
        if tokens.languages:
            language = language if language is not None else self._find_language(states)
            prefix += [language] if tokens.transcribe is None else [language, tokens.transcribe]
        prefix.append(tokens.no_timestamps)
        return WindowState(states, language, prefix, _empty_cache(), len(prefix))

    @torch.inference_mode()
    def next_token(self, window: WindowState) -> int | None:
        """Decodes one token of the window; None: nothing more is said in it."""
        if window.prefix_length + len(window.token_ids) >= self._max_tokens:
            return None
        logits = self._decode(window.states, window.next_ids, window.cache)
        suppressed = self._tokens.suppressed
        if not window.token_ids:
            suppressed += self._tokens.suppressed_first
        logits[list(suppressed)] = -torch.inf
        logits[self._tokens.no_timestamps :] = -torch.inf  # the times come last in every vocabulary
        token_id = int(logits.argmax())
        if token_id in self._tokens.ends:
            return None
        window.token_ids.append(token_id)
        window.next_ids = [token_id]
        return token_id

    def probe(self) -> None:
        """Raises when the device itself does not work any more."""
        probe(self._weight.device)

    def _find_language(self, states: Tensor) -> int:
        logits = self._decode(states, [self._tokens.start], _empty_cache())
        languages = torch.tensor(self._tokens.languages, device=logits.device)
        return int(languages[logits[languages].argmax()])

    def _decode(self, states: Tensor, token_ids: list[int], cache: Any) -> Tensor:
        """Returns (vocab,) float32 behind the last of `token_ids`, and adds them to the cache."""
        output = self._module(
            encoder_outputs=(states,),
            decoder_input_ids=torch.tensor([token_ids], device=states.device),
            use_cache=True,
            **{self._cache_name: cache},
        )
        logits: Tensor = output.logits[0, -1].float()
        return logits


def build_whisper(config: dict[str, object]) -> nn.Module:
    """Returns the module without storage. Raises `InvalidCheckpoint`."""
    import_torchaudio()
    from transformers import WhisperConfig, WhisperForConditionalGeneration  # late: seconds for few starts

    try:
        with torch.device("meta"):
            module: nn.Module = WhisperForConditionalGeneration(WhisperConfig.from_dict(config))
    except Exception as error:  # of any kind: transformers' validation has no base class
        raise InvalidCheckpoint(
            "The config.json of the speech recognition model is not one of Whisper; get it again."
        ) from error
    return module.eval()


def _empty_cache() -> Any:
    from transformers.cache_utils import DynamicCache, EncoderDecoderCache

    return EncoderDecoderCache(DynamicCache(), DynamicCache())
