"""Masks cover little of a spectrogram, at its mean, and other parts each time."""

import torch

from training.speech.spec_augment import (
    FREQUENCY_MASKS,
    MAX_FREQUENCY_MASK,
    MAX_TIME_MASK,
    mask_spectrograms,
)

ROWS, MELS, FRAMES = 40, 80, 160


def test_only_some_bands_and_one_stretch_of_time_are_masked_at_the_rows_mean() -> None:
    torch.manual_seed(0)
    spectrograms = torch.rand(ROWS, MELS, FRAMES)
    found = mask_spectrograms(spectrograms)
    is_masked = found != spectrograms
    means = spectrograms.mean(dim=(1, 2), keepdim=True).expand_as(found)
    torch.testing.assert_close(found[is_masked], means[is_masked])
    bands, moments = is_masked.all(dim=2).sum(dim=1), is_masked.all(dim=1).sum(dim=1)
    assert 0 < bands.max() <= FREQUENCY_MASKS * MAX_FREQUENCY_MASK
    assert 0 < moments.max() <= MAX_TIME_MASK
    whole = is_masked.all(dim=2, keepdim=True) | is_masked.all(dim=1, keepdim=True)
    assert torch.equal(is_masked, whole)
    assert not torch.equal(mask_spectrograms(spectrograms), found)
