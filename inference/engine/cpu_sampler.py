"""Draws tokens from logits in memory, row by row, without torch: its parallel reductions and its sort
cost more than a whole decoder step there, most of all when other threads want the cores.
"""

import math

import numpy as np
from numpy.typing import NDArray

Logits = NDArray[np.float32]

STRETCH = 128  # tokens
CANDIDATES = 512  # how many likely tokens are looked at before the whole vocabulary is sorted


def likeliest(logits: Logits) -> list[int]:
    """(rows, vocab) -> one token id per row; a row with a NaN gives the NaN's place."""
    tokens: list[int] = logits.argmax(axis=-1).tolist()
    return tokens


def draw_token(logits: Logits, uniform: float, temperature: float, top_p: float, top_k: int) -> int:
    """Inverts the distribution function of one row (vocab,) at `uniform` in [0, 1)."""
    weights = np.exp((logits - logits.max()) * np.float32(1 / temperature))
    if top_p >= 1 and top_k == 0:
        return _invert(weights, uniform)
    kept = keep_likely(weights, top_p, top_k)
    return int(kept[_invert(weights[kept], uniform)])


def keep_likely(weights: Logits, top_p: float, top_k: int) -> NDArray[np.int64]:
    """Returns, likeliest first, the fewest of the `top_k` likeliest tokens that make up `top_p` of them."""
    size = len(weights)
    count = min(size, top_k or CANDIDATES)
    total = math.inf if top_k else float(weights.sum(dtype=np.float64))
    while True:
        tokens = _first(weights, count)
        if top_p >= 1:
            return tokens
        cumulative = weights[tokens].cumsum(dtype=np.float64)
        wanted = top_p * min(total, cumulative[-1] if top_k or count == size else math.inf)
        if wanted <= cumulative[-1]:
            return tokens[: int(cumulative.searchsorted(wanted)) + 1]
        count = size


def _first(weights: Logits, count: int) -> NDArray[np.int64]:
    """The `count` heaviest, in order; the lower token id goes first among equals."""
    tokens = np.argpartition(weights, -count)[-count:] if count < len(weights) else np.arange(count)
    tokens.sort()
    ordered: NDArray[np.int64] = tokens[np.argsort(-weights[tokens], kind="stable")]
    return ordered


def _invert(weights: Logits, uniform: float) -> int:
    """Sums stretches first and looks into one alone: a running sum over all is the slowest step."""
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
