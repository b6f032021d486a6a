"""The limits of users, as routes use them. `app/limits/build.py` chooses what implements this."""

from typing import Final, Protocol

from app.user_limits import UserLimits

FIRST_SLOT_SECONDS: Final = 1.0  # that a request runs, before one has ended


class Admission(Protocol):
    """One admitted request: an entry in the window and a running slot, later some tokens.

    The caller of `admit` calls `release` or `give_back` at the end, even after an error. The first call
    counts; later ones do nothing.
    """

    @property
    def headers(self) -> dict[str, str]:
        """`RateLimit` and `RateLimit-Policy` for the response."""
        ...

    async def reserve_tokens(self, tokens: int) -> int | None:
        """Reserves tokens for the request; without a quota it does nothing and returns None.

        Returns the tokens of today that neither are used nor belong to other requests.

        Raises `TokensAboveQuota`, and `DailyTokensExceeded` after everything was given back, the entry in
        the window included; while Redis is unavailable also what `Limiter.admit` raises.
        """
        ...

    async def release(self, tokens_used: int = 0) -> None:
        """Frees the slot and the reservation, and counts the tokens that were really used."""
        ...

    async def give_back(self, tokens_used: int = 0) -> None:
        """As if the request had never come, except for tokens: for requests that something else refuses (a
        full queue).
        """
        ...


class Limiter(Protocol):
    """Created by `build_limiter`; opened and closed by `app/lifespan.py`; used from one event loop."""

    @property
    def is_degraded(self) -> bool:
        """Whether Redis is unavailable: limits hold for this process only, or all requests are refused."""
        ...

    async def admit(self, user_id: str, limits: UserLimits) -> Admission:
        """All or nothing: a refused request has spent nothing.

        Raises `RateLimitExceeded`, `ConcurrencyLimitExceeded` and `DailyTokensExceeded`, each with
        seconds to wait and `RateLimit` headers, and `LimiterUnavailable`.
        """
        ...

    async def aclose(self) -> None: ...
