"""The seam between routes and whatever limits users: in memory, in Redis, or both in turn."""

from typing import Protocol

from app.limits.policy import LimitPolicy


class Admission(Protocol):
    """One admitted request: an entry in the window and a running slot, later some tokens.

    Whoever admitted calls `release` or `give_back` at the end, whatever happened; the first of
    them counts and later ones do nothing.
    """

    @property
    def headers(self) -> dict[str, str]:
        """`RateLimit` and `RateLimit-Policy` for the answer."""
        ...

    async def reserve_tokens(self, tokens: int) -> None:
        """Sets aside what the request may use at most; without a quota it does nothing.

        Raises `DailyTokensExceeded` after everything was given back, the entry in the window
        included; while Redis is away also what `Limiter.admit` raises.
        """
        ...

    async def release(self, tokens_used: int = 0) -> None:
        """Frees the slot and the reservation, and counts the tokens that were really used."""
        ...

    async def give_back(self) -> None:
        """As if the request had never come: for those that others refuse (a full queue)."""
        ...


class Limiter(Protocol):
    """Created by `build_limiter`; opened and closed by `app/lifespan.py`; one event loop."""

    @property
    def is_degraded(self) -> bool:
        """Whether limits hold for this process alone, or nobody is let in, as Redis is away."""
        ...

    async def admit(self, user_id: str, policy: LimitPolicy) -> Admission:
        """All or nothing: a refused request has spent nothing.

        Raises `RateLimitExceeded`, `ConcurrencyLimitExceeded` and `DailyTokensExceeded`, each with
        seconds to wait and `RateLimit` headers, and `LimiterUnavailable`.
        """
        ...

    async def aclose(self) -> None: ...
