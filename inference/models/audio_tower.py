"""A log-mel spectrogram to 512-wide audio features."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from inference.models.transformer import TransformerBlock, wave_features

AUDIO_WIDTH = 512
CONVOLUTION_STRIDE = 4  # frames; two convolutions of stride 2
WINDOW = 512  # positions that attend to each other, 20 s: costs grow with length, not with its square
LONGEST_WAVE = 500.0  # positions


@dataclass(frozen=True, slots=True)
class AudioConfig:
    """`hidden_size` * `stack_size` is 512: that many neighbouring positions make one feature."""

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
        positions = self.encode_positions(spectrograms)
        return positions.reshape(len(positions), -1, AUDIO_WIDTH)

    def encode_positions(self, spectrograms: Tensor) -> Tensor:
        """(batch, num_mels, frames) -> (batch, positions, hidden), one position each 40 ms."""
        hidden = functional.gelu(self.conv1(spectrograms))
        hidden = functional.gelu(self.conv2(hidden)).transpose(1, 2)
        return torch.cat([self._encode(window) for window in torch.split(hidden, WINDOW, dim=1)], dim=1)

    def _encode(self, window: Tensor) -> Tensor:
        places = torch.arange(window.shape[1], device=window.device)
        window = window + wave_features(places, window.shape[2], LONGEST_WAVE).to(window.dtype)
        for layer in self.layers:
            window = layer(window)
        return self.norm(window)  # type: ignore[no-any-return]  # Module.__call__ is untyped
