"""Any sequence of requests, compared with a model of the limits that is too simple to be wrong."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, multiple, rule

from app.errors import (
    ConcurrencyLimitExceeded,
    DailyTokensExceeded,
    LimitExceeded,
    RateLimitExceeded,
    TokensAboveQuota,
)
from app.limits.build import build_limiter
from app.limits.limiter import Admission
from app.user_limits import UserLimits

from .conftest import FakeClock

T = TypeVar("T")
USERS = st.sampled_from(["usr_a", "usr_b"])


class Modelled:
    """One admission and what it holds."""

    def __init__(self, admission: Admission, user_id: str, entered_at: float, day: int) -> None:
        self.admission = admission
        self.user_id = user_id
        self.entered_at = entered_at
        self.day = day
        self.reserved = 0


class LimiterAgainstModel(RuleBasedStateMachine):
    admissions = Bundle("admissions")

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.clock = FakeClock()
        self.limiter = build_limiter(None, clock=self.clock)
        self.entries: dict[str, list[float]] = {"usr_a": [], "usr_b": []}
        self.held: list[Modelled] = []
        self.used: dict[tuple[str, int], int] = {}

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(coroutine)

    @initialize(
        requests=st.integers(1, 5),
        concurrent=st.integers(1, 3),
        daily=st.none() | st.integers(1, 100),
    )
    def choose_limits(self, requests: int, concurrent: int, daily: int | None) -> None:
        self.limits = UserLimits(requests, concurrent, daily)

    def left_today(self, user_id: str, day: int) -> int:
        reserved = sum(m.reserved for m in self.held if (m.user_id, m.day) == (user_id, day))
        return (self.limits.daily_tokens or 0) - reserved - self.used.get((user_id, day), 0)

    def remaining(self, user_id: str) -> int:
        recent = [at for at in self.entries[user_id] if at > self.clock.now - 60]
        return self.limits.requests_per_minute - len(recent)

    def expected_refusal(self, user_id: str, day: int) -> type[LimitExceeded] | None:
        running = sum(modelled.user_id == user_id for modelled in self.held)
        if running >= self.limits.concurrent_requests:
            return ConcurrencyLimitExceeded
        if self.limits.daily_tokens is not None and self.left_today(user_id, day) <= 0:
            return DailyTokensExceeded
        return RateLimitExceeded if self.remaining(user_id) <= 0 else None

    @rule(target=admissions, user_id=USERS)
    def admit(self, user_id: str):
        day = int(self.clock.now // 86_400)
        expected = self.expected_refusal(user_id, day)
        if expected is not None:
            with pytest.raises(expected) as refusal:
                self.run(self.limiter.admit(user_id, self.limits))
            assert refusal.value.retry_after_seconds >= 1
            assert f"r={self.remaining(user_id)};" in refusal.value.headers["RateLimit"]
            return multiple()
        admission = self.run(self.limiter.admit(user_id, self.limits))
        self.entries[user_id].append(self.clock.now)
        assert f"r={self.remaining(user_id)};" in admission.headers["RateLimit"]
        modelled = Modelled(admission, user_id, self.clock.now, day)
        self.held.append(modelled)
        return modelled

    @rule(modelled=admissions, tokens=st.integers(1, 60))
    def reserve(self, modelled: Modelled, tokens: int) -> None:
        if modelled not in self.held:
            return
        quota = self.limits.daily_tokens
        if quota is not None and tokens > quota:
            with pytest.raises(TokensAboveQuota):
                self.run(modelled.admission.reserve_tokens(tokens))
            return
        left = self.left_today(modelled.user_id, modelled.day) + modelled.reserved
        is_refused = False
        try:
            assert self.run(modelled.admission.reserve_tokens(tokens)) == (None if quota is None else left)
        except DailyTokensExceeded:
            is_refused = True
        if quota is None:
            assert not is_refused
            return
        assert is_refused == (tokens > left)
        if is_refused:
            self.held.remove(modelled)
            self.entries[modelled.user_id].remove(modelled.entered_at)
        else:
            modelled.reserved = tokens

    @rule(modelled=consumes(admissions), tokens_used=st.integers(0, 60))
    def release(self, modelled: Modelled, tokens_used: int) -> None:
        self.run(modelled.admission.release(tokens_used))
        if modelled in self.held:
            self.held.remove(modelled)
            account = (modelled.user_id, modelled.day)
            self.used[account] = self.used.get(account, 0) + tokens_used

    @rule(modelled=admissions)
    def give_back(self, modelled: Modelled) -> None:
        self.run(modelled.admission.give_back())
        if modelled in self.held:
            self.held.remove(modelled)
            self.entries[modelled.user_id].remove(modelled.entered_at)

    @rule(seconds=st.sampled_from([0.37, 7.13, 31.71, 61.3, 43_200.9]))
    def pass_time(self, seconds: float) -> None:
        self.clock.advance(seconds)

    def teardown(self) -> None:
        for modelled in self.held:
            self.run(modelled.admission.release())
        self.clock.advance(2 * 86_400)
        if hasattr(self, "limits"):
            self.everything_is_back_to_zero()
        self.run(self.limiter.aclose())
        self.loop.close()

    def everything_is_back_to_zero(self) -> None:
        for user_id in self.entries:
            slots = min(self.limits.concurrent_requests, self.limits.requests_per_minute)
            for number in range(slots):
                admission = self.run(self.limiter.admit(user_id, self.limits))
                left = self.limits.requests_per_minute - number - 1
                assert f"r={left};" in admission.headers["RateLimit"]


TestLimiterAgainstModel = LimiterAgainstModel.TestCase
TestLimiterAgainstModel.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
