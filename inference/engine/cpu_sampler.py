"""Draws tokens from logits in the CPU's memory, row by row, with numpy.

torch's parallel reductions and its sort cost more than a whole decoder step there, most of all when other
threads use the cores.
"""

import numpy as np
from numpy.typing import NDArray

Logits = NDArray[np.float32]

STRETCH = 128  # tokens
CANDIDATES = 512  # likely tokens that are sorted before the whole vocabulary is


def likeliest(logits: Logits) -> tuple[list[int], list[float]]:
    """(rows, vocab) -> one token id per row, and its logit. A NaN counts as the highest."""
    tokens = logits.argmax(axis=-1).tolist()
    return tokens, [logits.item(row, token) for row, token in enumerate(tokens)]


def draw_token(logits: Logits, uniform: float, temperature: float, top_p: float, top_k: int) -> int:
    """Inverts the distribution function of one row (vocab,) at `uniform`, which is in [0, 1)."""
    weights = np.exp((logits - logits.max()) * np.float32(1 / temperature))
    if top_p < 1 or top_k:
        weights[weights < lightest_kept(weights, top_p, top_k)] = 0
    return _invert(weights, uniform)


def lightest_kept(weights: Logits, top_p: float, top_k: int) -> float:
    """Returns the smallest weight that is kept: of the `top_k` heaviest, as few as make up `top_p`.

    Equal weights are kept or dropped together.
    """
    size = len(weights)
    count = min(size, top_k or CANDIDATES)
    while True:
        heaviest = np.sort(np.partition(weights, size - count)[size - count :])[::-1]
        if top_p >= 1:
            return float(heaviest[-1])
        cumulative = heaviest.cumsum(dtype=np.float64)
        is_all = top_k or count == size
        wanted = top_p * (cumulative[-1] if is_all else weights.sum(dtype=np.float64))
        if wanted <= cumulative[-1]:
            return float(heaviest[cumulative.searchsorted(wanted)])
        count = size


def _invert(weights: Logits, uniform: float) -> int:
    """Sums stretches first and searches in one of them: a running sum over all weights is slow."""
    stretches = np.add.reduceat(weights, np.arange(0, len(weights), STRETCH)).cumsum(dtype=np.float64)
    target = uniform * stretches[-1]
    stretch = int(stretches.searchsorted(target, side="right"))
    start = stretch * STRETCH
    inside = weights[start : start + STRETCH].cumsum(dtype=np.float64)
    before = stretches[stretch - 1] if stretch else 0.0
    index = int(inside.searchsorted(target - before, side="right"))
    if index == len(inside):  # the two sums are rounded differently
        index = int(inside.searchsorted(inside[-1]))  # the last token with any weight
    return start + index
