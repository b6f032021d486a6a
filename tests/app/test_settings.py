"""What the settings refuse, in words that an operator understands."""

from datetime import timedelta

import pytest
from pydantic import ValidationError

from app.schemas.admin import MAX_LIFETIME_SECONDS
from app.settings import AuthSettings


def test_access_token_may_not_live_longer_by_default_than_an_operator_may_issue() -> None:
    hour = timedelta(hours=1)
    assert AuthSettings(access_token_ttl=hour, max_access_token_ttl=hour).access_token_ttl == hour
    with pytest.raises(ValidationError, match="ACCESS_TOKEN_TTL must not be longer than"):
        AuthSettings(access_token_ttl=hour, max_access_token_ttl=timedelta(minutes=59))


def test_longest_life_that_can_be_set_is_the_longest_that_can_be_asked_for() -> None:
    longest = timedelta(seconds=MAX_LIFETIME_SECONDS)
    assert AuthSettings(max_access_token_ttl=longest).max_access_token_ttl == longest
    with pytest.raises(ValidationError):
        AuthSettings(max_access_token_ttl=longest + timedelta(seconds=1))
