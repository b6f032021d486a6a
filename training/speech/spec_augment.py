"""Masks over parts of spectrograms, so that a recording that is learned again is not quite the same.

Park et al. 2019, "SpecAugment: a simple data augmentation method for automatic speech recognition".
"""

import torch
from torch import Tensor

FREQUENCY_MASKS = 2
MAX_FREQUENCY_MASK = 10  # mels
MAX_TIME_MASK = 12  # frames


def mask_spectrograms(spectrograms: Tensor) -> Tensor:
    """(rows, mels, frames), FREQUENCY_MASKS bands and one stretch of time of each row at the row's mean."""
    _, mels, frames = spectrograms.shape
    mask = _random_mask(spectrograms, frames, MAX_TIME_MASK)[:, None, :]
    for _ in range(FREQUENCY_MASKS):
        mask = mask | _random_mask(spectrograms, mels, MAX_FREQUENCY_MASK)[:, :, None]
    return torch.where(mask, spectrograms.mean(dim=(1, 2), keepdim=True), spectrograms)


def _random_mask(rows: Tensor, count: int, longest: int) -> Tensor:
    """(len(rows), count): True in a random stretch of each row."""
    start, length = torch.rand(2, len(rows), 1, device=rows.device)
    places = torch.arange(count, device=rows.device)
    mask: Tensor = (places >= start * count) & (places < start * count + length * longest)
    return mask
