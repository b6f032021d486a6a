"""What this project uses of transformers' Whisper, and of its inside.

pyproject.toml bounds the version. `tests/inference/models/test_transformers_whisper.py` fails where another
version changes the names that are used here.
"""

import inspect
from typing import Any

from torch import Tensor, nn

from inference.torchaudio_shim import import_torchaudio


def make_module(config: dict[str, object]) -> nn.Module:
    """`config` is a config.json. Raises what transformers raises, errors of any class."""
    import_torchaudio()
    from transformers import WhisperConfig, WhisperForConditionalGeneration  # late: takes seconds

    module: nn.Module = WhisperForConditionalGeneration(WhisperConfig.from_dict(config))
    return module


class WhisperModule:
    """The module as encoder and decoder. Holds nothing of a recording."""

    def __init__(self, module: nn.Module) -> None:
        config: Any = module.config
        self._module: Any = module  # its forward is not typed
        parameters = inspect.signature(module.forward).parameters
        self._cache_name = "cache" if "cache" in parameters else "past_key_values"  # before transformers 5.24
        self.num_mels: int = config.num_mel_bins
        self.positions: int = config.max_source_positions  # of a window
        self.max_tokens: int = config.max_target_positions
        self.weight = next(module.parameters())

    def encode(self, features: Tensor) -> Tensor:
        """features (1, num_mels, frames) -> (1, positions, hidden)."""
        states: Tensor = self._module.model.encoder(features).last_hidden_state
        return states

    def new_cache(self) -> Any:
        """Returns an EncoderDecoderCache, which is not typed."""
        from transformers.cache_utils import DynamicCache, EncoderDecoderCache

        return EncoderDecoderCache(DynamicCache(), DynamicCache())

    def decode(self, states: Tensor, token_ids: Tensor, cache: Any) -> Tensor:
        """token_ids (1, n) -> the logits after the last one, (vocab,). Adds the tokens to the cache."""
        output = self._module(
            encoder_outputs=(states,),
            decoder_input_ids=token_ids,
            use_cache=True,
            **{self._cache_name: cache},
        )
        logits: Tensor = output.logits[0, -1]
        return logits
