"""Spectrograms with parts hidden, so that a recording that is learned again is not quite the same.

Park et al. 2019, "SpecAugment: a simple data augmentation method for automatic speech recognition".
"""

import torch
from torch import Tensor

BANDS = 2
LONGEST_BAND = 10  # mels
LONGEST_MOMENT = 12  # frames


def hide_parts(spectrograms: Tensor) -> Tensor:
    """(rows, mels, frames) with BANDS bands and one moment of each row at the row's mean."""
    _, mels, frames = spectrograms.shape
    is_hidden = _stretch(spectrograms, frames, LONGEST_MOMENT)[:, None, :]
    for _ in range(BANDS):
        is_hidden = is_hidden | _stretch(spectrograms, mels, LONGEST_BAND)[:, :, None]
    return torch.where(is_hidden, spectrograms.mean(dim=(1, 2), keepdim=True), spectrograms)


def _stretch(rows: Tensor, count: int, longest: int) -> Tensor:
    """(len(rows), count): True in a random stretch of each row."""
    start, length = torch.rand(2, len(rows), 1, device=rows.device)
    places = torch.arange(count, device=rows.device)
    is_inside: Tensor = (places >= start * count) & (places < start * count + length * longest)
    return is_inside
