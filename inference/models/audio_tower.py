"""A log-mel spectrogram to 512-wide audio features."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from inference.model_card import SpeechFit
from inference.models.transformer import TransformerBlock, wave_features
from inference.stepwise import Stepwise, finish

AUDIO_WIDTH = 512
ONE_SENTENCE = SpeechFit(4.6, may_pause=False, languages=frozenset({"en", "zh"}))  # what it is trained on
CONVOLUTION_STRIDE = 4  # frames; two convolutions of stride 2
WINDOW = 512  # positions that attend to each other, 20 s, so that costs grow linearly with length
LONGEST_WAVE = 500.0  # positions


@dataclass(frozen=True, slots=True)
class AudioConfig:
    """`hidden_size` * `stack_size` is 512: `stack_size` adjacent positions make one feature."""

    num_mels: int
    hidden_size: int
    num_layers: int
    num_heads: int
    intermediate_size: int
    stack_size: int  # positions

    @property
    def frames_per_token(self) -> int:
        return CONVOLUTION_STRIDE * self.stack_size


class AudioTower(nn.Module):
    def __init__(self, config: AudioConfig) -> None:
        super().__init__()
        self.config = config
        self.conv1 = nn.Conv1d(config.num_mels, config.hidden_size, kernel_size=3, stride=2, padding=1)
        self.conv2 = nn.Conv1d(config.hidden_size, config.hidden_size, kernel_size=3, stride=2, padding=1)
        self.layers = nn.ModuleList(
            TransformerBlock(config.hidden_size, config.num_heads, config.intermediate_size)
            for _ in range(config.num_layers)
        )
        self.norm = nn.LayerNorm(config.hidden_size)

    def forward(self, spectrograms: Tensor) -> Tensor:
        """(batch, num_mels, frames), frames a multiple of `frames_per_token` -> (batch, tokens, 512)."""
        return finish(self.encode_stepwise(spectrograms))

    def encode_stepwise(self, spectrograms: Tensor) -> Stepwise[Tensor]:
        """Like `forward`; a piece is a layer on a window."""
        positions = yield from self._encode_positions(spectrograms)
        return positions.reshape(len(positions), -1, AUDIO_WIDTH)

    def encode_positions(self, spectrograms: Tensor) -> Tensor:
        """(batch, num_mels, frames) -> (batch, positions, hidden), one position each 40 ms."""
        return finish(self._encode_positions(spectrograms))

    def _encode_positions(self, spectrograms: Tensor) -> Stepwise[Tensor]:
        hidden = functional.gelu(self.conv1(spectrograms))
        yield 2.0 * hidden[:, 0].numel() * self.conv1.weight.numel()
        hidden = functional.gelu(self.conv2(hidden)).transpose(1, 2)
        yield 2.0 * hidden[..., 0].numel() * self.conv2.weight.numel()
        encoded = []
        for window in torch.split(hidden, WINDOW, dim=1):
            encoded.append((yield from self._encode_window(window)))  # noqa: PERF401 - no comprehension yields
        return torch.cat(encoded, dim=1)

    def _encode_window(self, window: Tensor) -> Stepwise[Tensor]:
        places = torch.arange(window.shape[1], device=window.device)
        window = window + wave_features(places, window.shape[2], LONGEST_WAVE).to(window.dtype)
        for layer in self.layers:
            assert isinstance(layer, TransformerBlock)
            window = layer(window)
            yield layer.flops(window.shape[0], window.shape[1])
        return self.norm(window)  # type: ignore[no-any-return]  # Module.__call__ is untyped
