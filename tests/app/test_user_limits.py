from app.settings import LimitSettings
from app.user_limits import OwnLimits, UserLimits, own_limits

DEFAULTS = LimitSettings(requests_per_minute=10, concurrent_requests=2, daily_tokens=1000).of_users


def test_user_without_own_limits_gets_the_defaults():
    assert UserLimits(10, 2, 1000) == DEFAULTS
    assert DEFAULTS.with_own({}) == UserLimits(10, 2, 1000)


def test_each_own_limit_replaces_only_its_default():
    assert DEFAULTS.with_own({"requests_per_minute": 99}) == UserLimits(99, 2, 1000)
    assert DEFAULTS.with_own({"concurrent_requests": 7}) == UserLimits(10, 7, 1000)
    assert DEFAULTS.with_own({"daily_tokens": 5}) == UserLimits(10, 2, 5)


def test_own_limit_of_zero_blocks_and_is_not_absent():
    own: OwnLimits = own_limits(requests_per_minute=0)
    assert own == {"requests_per_minute": 0}
    assert DEFAULTS.with_own(own).requests_per_minute == 0


def test_none_is_an_absent_limit():
    assert own_limits(None, None, None) == {}
    assert own_limits(None, None, 5) == {"daily_tokens": 5}
