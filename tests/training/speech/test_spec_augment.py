"""Hidden parts of spectrograms are few, at the mean, and others each time."""

import torch

from training.speech.spec_augment import BANDS, LONGEST_BAND, LONGEST_MOMENT, hide_parts

ROWS, MELS, FRAMES = 40, 80, 160


def test_only_some_bands_and_one_moment_are_hidden_at_the_rows_mean() -> None:
    torch.manual_seed(0)
    spectrograms = torch.rand(ROWS, MELS, FRAMES)
    found = hide_parts(spectrograms)
    is_hidden = found != spectrograms
    means = spectrograms.mean(dim=(1, 2), keepdim=True).expand_as(found)
    torch.testing.assert_close(found[is_hidden], means[is_hidden])
    bands, moments = is_hidden.all(dim=2).sum(dim=1), is_hidden.all(dim=1).sum(dim=1)
    assert 0 < bands.max() <= BANDS * LONGEST_BAND
    assert 0 < moments.max() <= LONGEST_MOMENT
    whole = is_hidden.all(dim=2, keepdim=True) | is_hidden.all(dim=1, keepdim=True)
    assert torch.equal(is_hidden, whole)
    assert not torch.equal(hide_parts(spectrograms), found)
