"""Log-mel spectrograms as torchaudio computes them, padded to whole tokens."""

import numpy as np
import pytest
import torch

from inference.modalities.audio import FFT_SIZE, HOP_SIZE, log_mel
from inference.torchaudio_shim import import_torchaudio

SECOND = 16_000


def tone(frequency: float, seconds: float = 1.0) -> np.ndarray:
    times = np.arange(int(seconds * SECOND)) / SECOND
    return np.sin(2 * np.pi * frequency * times).astype(np.float32)


def test_a_spectrogram_equals_torchaudios() -> None:
    samples = np.random.default_rng(0).standard_normal(SECOND).astype(np.float32)
    transform = import_torchaudio().transforms.MelSpectrogram(
        SECOND, n_fft=FFT_SIZE, hop_length=HOP_SIZE, n_mels=80, norm="slaney", mel_scale="slaney"
    )
    power = transform(torch.from_numpy(samples))[:, :-1].clamp(min=1e-10).log10()
    expected = (torch.maximum(power, power.max() - 8) + 4) / 4
    found = log_mel(samples, num_mels=80, frame_multiple=1)
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


def test_a_higher_tone_is_in_a_higher_band() -> None:
    low, high = (int(log_mel(tone(f), 80, 16).mean(dim=1).argmax()) for f in (300.0, 3000.0))
    assert low < high


@pytest.mark.parametrize(
    ("samples", "frames"), [(0, 16), (1, 16), (2560, 16), (2561, 32), (SECOND, 112), (10 * SECOND, 1008)]
)
def test_frames_are_padded_to_whole_tokens(samples: int, frames: int) -> None:
    assert log_mel(np.zeros(samples, dtype=np.float32), 80, 16).shape == (80, frames)


def test_silence_is_finite() -> None:
    assert torch.isfinite(log_mel(np.zeros(SECOND, dtype=np.float32), 80, 16)).all()
