"""What the settings refuse, in words that an operator understands."""

from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from app.schemas.admin import MAX_LIFETIME_SECONDS
from app.settings import AuthSettings, Settings

DATABASE_URL = "postgresql://gateway:a-long-password@postgres/gateway"


@pytest.fixture
def secrets_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Named in the environment; empty."""
    directory = tmp_path / "secrets"
    directory.mkdir()
    monkeypatch.setenv("GATEWAY_SECRETS_DIR", str(directory))
    return directory


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


def test_files_named_like_settings_are_read(secrets_dir: Path) -> None:
    (secrets_dir / "gateway_database_url").write_text(f"{DATABASE_URL}\n")
    (secrets_dir / "gateway_limits__daily_tokens").write_text("5000\n")
    settings = Settings(_env_file=None)
    assert settings.effective_database_url == DATABASE_URL
    assert settings.limits.daily_tokens == 5000


def test_environment_wins_over_files(secrets_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (secrets_dir / "gateway_log_level").write_text("debug")
    assert Settings(_env_file=None).log_level == "debug"
    monkeypatch.setenv("GATEWAY_LOG_LEVEL", "error")
    assert Settings(_env_file=None).log_level == "error"


def test_weak_secret_in_a_file_is_refused_in_production(secrets_dir: Path) -> None:
    (secrets_dir / "gateway_database_url").write_text("postgresql://gateway:changeme@postgres/gateway")
    with pytest.raises(ValidationError, match="the password in GATEWAY_DATABASE_URL"):
        Settings(_env_file=None, env="production", auth={"keys_dir": secrets_dir})


def test_directory_of_secrets_that_is_not_there_is_named(secrets_dir: Path) -> None:
    secrets_dir.rmdir()
    with pytest.raises(ValidationError, match="there is no such directory"):
        Settings(_env_file=None)
