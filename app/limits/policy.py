"""What one user may do: the service's defaults, or what the operator set for that user."""

from dataclasses import dataclass
from typing import Protocol

from app.settings import LimitSettings


@dataclass(frozen=True, slots=True)
class LimitPolicy:
    """`daily_tokens=None` means no quota. Days are UTC days."""

    requests_per_minute: int
    concurrent_requests: int
    daily_tokens: int | None = None


class LimitOverrides(Protocol):
    """A user's own limits, wherever they are kept; None keeps the default."""

    @property
    def requests_per_minute(self) -> int | None: ...
    @property
    def concurrent_requests(self) -> int | None: ...
    @property
    def daily_tokens(self) -> int | None: ...


def policy_for(settings: LimitSettings, overrides: LimitOverrides | None = None) -> LimitPolicy:
    if overrides is None:
        return LimitPolicy(settings.requests_per_minute, settings.concurrent_requests, settings.daily_tokens)
    return LimitPolicy(
        _first(overrides.requests_per_minute, settings.requests_per_minute),
        _first(overrides.concurrent_requests, settings.concurrent_requests),
        settings.daily_tokens if overrides.daily_tokens is None else overrides.daily_tokens,
    )


def _first(override: int | None, default: int) -> int:
    return default if override is None else override
