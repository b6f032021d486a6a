"""Decoded recordings to log-mel spectrograms, with torchaudio. Pure functions."""

import functools

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from inference.stepwise import Stepwise, finish
from inference.torchaudio_shim import import_torchaudio
from inference.types import AUDIO_SAMPLE_RATE

FFT_SIZE = 400  # samples; 25 ms
HOP_SIZE = 160  # samples; 10 ms
DYNAMIC_RANGE = 8.0  # decades below the loudest point; below them is noise
SILENCE = 1e-10
PIECE_FRAMES = 1000
FRAME_OPERATIONS = 200_000  # operations of a tower that take as long as a frame, which is bound by memory


def log_mel(samples: NDArray[np.float32], num_mels: int, frame_multiple: int) -> Tensor:
    """samples (T,) at 16 kHz -> (num_mels, frames) float32, about in [-1, 1], one frame each 10 ms.

    Silence is appended until the number of frames is a multiple of `frame_multiple`, and not 0.
    """
    return finish(log_mel_stepwise(samples, num_mels, frame_multiple))


def log_mel_stepwise(samples: NDArray[np.float32], num_mels: int, frame_multiple: int) -> Stepwise[Tensor]:
    """Like `log_mel`; a piece is ten seconds."""
    step = HOP_SIZE * frame_multiple
    wave = torch.from_numpy(np.ascontiguousarray(samples))
    padding = step if not len(wave) else -len(wave) % step
    wave = functional.pad(wave, (0, padding))
    frames = len(wave) // HOP_SIZE
    wave = functional.pad(wave[None], (FFT_SIZE // 2, FFT_SIZE // 2), mode="reflect")[0]
    window = torch.hann_window(FFT_SIZE)
    pieces = []
    for start in range(0, frames, PIECE_FRAMES):
        end = min(start + PIECE_FRAMES, frames)
        piece = wave[start * HOP_SIZE : (end - 1) * HOP_SIZE + FFT_SIZE]
        spectrum = torch.stft(piece, FFT_SIZE, HOP_SIZE, window=window, center=False, return_complex=True)
        power = spectrum.abs().square()  # (FFT_SIZE / 2 + 1, frames)
        pieces.append((mel_filters(num_mels).T @ power).clamp(min=SILENCE).log10())
        yield float((end - start) * FRAME_OPERATIONS)
    decades = torch.cat(pieces, dim=1)
    decades = torch.maximum(decades, decades.max() - DYNAMIC_RANGE)
    return (decades + 4.0) / 4.0


@functools.cache
def mel_filters(num_mels: int) -> Tensor:
    """(FFT_SIZE / 2 + 1, num_mels), Slaney's scale and area."""
    filters: Tensor = import_torchaudio().functional.melscale_fbanks(
        n_freqs=FFT_SIZE // 2 + 1,
        f_min=0.0,
        f_max=AUDIO_SAMPLE_RATE / 2,
        n_mels=num_mels,
        sample_rate=AUDIO_SAMPLE_RATE,
        norm="slaney",
        mel_scale="slaney",
    )
    return filters
