from dataclasses import dataclass

from app.limits.policy import LimitPolicy, policy_for
from app.settings import LimitSettings

SETTINGS = LimitSettings(requests_per_minute=10, concurrent_requests=2, daily_tokens=1000)


@dataclass
class Overrides:
    requests_per_minute: int | None = None
    concurrent_requests: int | None = None
    daily_tokens: int | None = None


def test_a_user_without_overrides_gets_the_defaults():
    assert policy_for(SETTINGS, None) == LimitPolicy(10, 2, 1000)
    assert policy_for(SETTINGS, Overrides()) == LimitPolicy(10, 2, 1000)


def test_each_override_replaces_its_own_default_only():
    assert policy_for(SETTINGS, Overrides(requests_per_minute=99)) == LimitPolicy(99, 2, 1000)
    assert policy_for(SETTINGS, Overrides(concurrent_requests=7)) == LimitPolicy(10, 7, 1000)
    assert policy_for(SETTINGS, Overrides(daily_tokens=5)) == LimitPolicy(10, 2, 5)


def test_an_override_of_zero_blocks_and_is_not_taken_for_absent():
    assert policy_for(SETTINGS, Overrides(requests_per_minute=0)).requests_per_minute == 0
