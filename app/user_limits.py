"""The three limits of a user, under the names that they have in settings, database, API and limiters."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

LimitName = Literal["requests_per_minute", "concurrent_requests", "daily_tokens"]

OwnLimits = Mapping[LimitName, int]
"""Limits that an operator set for one user. A limit that is absent follows the service's default."""


@dataclass(frozen=True, slots=True)
class UserLimits:
    """What holds for a user: the service's defaults, or those with the user's own limits in their place.

    `daily_tokens=None` means no quota. Days are UTC days. `own_window` is the id of a token with a rate
    of its own, whose requests do not count in the user's window.
    """

    requests_per_minute: int
    concurrent_requests: int
    daily_tokens: int | None = None
    own_window: str | None = None

    def window_of(self, user_id: str) -> str:
        """Whose window of requests counts."""
        return self.own_window or user_id

    def with_token_rate(self, token_id: str, requests_per_minute: int | None) -> "UserLimits":
        """For a request with that token. None: the token has no rate of its own."""
        if requests_per_minute is None:
            return self
        return replace(self, requests_per_minute=requests_per_minute, own_window=token_id)

    def with_own(self, own: OwnLimits) -> "UserLimits":
        if not own:
            return self
        values: Mapping[Any, Any] = own  # Any: `replace` takes names as str alone, and fields of other types
        return replace(self, **values)


def own_limits(
    requests_per_minute: int | None = None,
    concurrent_requests: int | None = None,
    daily_tokens: int | None = None,
) -> OwnLimits:
    """Those that are not None, which is how a column or an option says that a limit is absent."""
    given: dict[LimitName, int | None] = {
        "requests_per_minute": requests_per_minute,
        "concurrent_requests": concurrent_requests,
        "daily_tokens": daily_tokens,
    }
    return {name: value for name, value in given.items() if value is not None}
