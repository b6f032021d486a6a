"""Where long recordings are cut."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from inference.voice_activity.pauses import cut_at_pauses

SECOND = 16_000


@given(length=st.integers(0, 200_000), longest=st.integers(1000, 60_000))
def test_pieces_are_the_recording_and_none_is_too_long(length: int, longest: int) -> None:
    samples = np.arange(length, dtype=np.float32)
    pieces = cut_at_pauses(samples, longest)
    assert np.array_equal(np.concatenate(pieces), samples)
    assert all(0 < len(piece) <= longest for piece in pieces) or length == 0
    assert len(pieces) <= 1 + length // (longest * 5 // 6)


def test_a_cut_is_made_in_the_pause() -> None:
    samples = np.random.default_rng(0).normal(0, 0.1, 40 * SECOND).astype(np.float32)
    pause = slice(int(27.0 * SECOND), int(27.3 * SECOND))
    samples[pause] *= 0.01
    first, second = cut_at_pauses(samples, 30 * SECOND)
    assert pause.start < len(first) < pause.stop
    assert len(second) == 40 * SECOND - len(first)


def test_a_short_recording_is_left_whole() -> None:
    (only,) = cut_at_pauses(np.ones(30 * SECOND, dtype=np.float32), 30 * SECOND)
    assert len(only) == 30 * SECOND
