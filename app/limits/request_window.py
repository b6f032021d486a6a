"""Requests a minute of one user: how much of the moving window is left. Counted in memory or in Redis."""

import math
from dataclasses import dataclass
from typing import Final, Self

WINDOW_SECONDS: Final = 60


@dataclass(frozen=True, slots=True)
class WindowState:
    """How much of the window is left, and in how many seconds its oldest request leaves it."""

    limit: int
    remaining: int
    reset_seconds: int

    @classmethod
    def at(cls, now: float, limit: int, count: int, oldest: float) -> Self:
        """Of a window with `count` requests, the first of them at `oldest`; both times are Unix seconds."""
        reset_seconds = math.ceil(oldest + WINDOW_SECONDS - now)
        return cls(limit, max(0, limit - count), min(max(reset_seconds, 1), WINDOW_SECONDS))

    @property
    def headers(self) -> dict[str, str]:
        """As draft-ietf-httpapi-ratelimit-headers writes them."""
        return {
            "RateLimit-Policy": f'"requests";q={self.limit};w={WINDOW_SECONDS}',
            "RateLimit": f'"requests";r={self.remaining};t={self.reset_seconds}',
        }
