"""How long a piece of work takes, as measured, and so when a refused client should come back."""

import math
from typing import Final

SMOOTHING: Final = 0.1  # weight of the newest piece in the mean
MAX_RETRY_SECONDS: Final = 60


def retry_after_seconds(expected_seconds: float) -> int:
    """1 to 60 seconds."""
    return min(max(math.ceil(expected_seconds), 1), MAX_RETRY_SECONDS)


class WorkPace:
    """`first_seconds` is the mean before anything is measured."""

    def __init__(self, first_seconds: float) -> None:
        self.mean_seconds = first_seconds

    def add(self, seconds: float) -> None:
        self.mean_seconds += SMOOTHING * (max(seconds, 0.0) - self.mean_seconds)

    def retry_after_seconds(self, pieces: float) -> int:
        """How long so many pieces take, one after the other: 1 to 60 seconds."""
        return retry_after_seconds(pieces * self.mean_seconds)
