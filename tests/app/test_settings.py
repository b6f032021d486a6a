"""What the settings refuse, in words that an operator understands."""

from dataclasses import fields
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from app.lifespan import backend_config
from app.schemas.admin import MAX_LIFETIME_SECONDS
from app.settings import AuthSettings, EngineSettings, Settings, TelemetrySettings
from inference import EngineConfig

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


def test_every_size_of_the_engine_can_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = {
        "max_running_requests": 8,
        "max_waiting_requests": 9,
        "max_waiting_prompt_tokens": 10,
        "chunk_tokens": 32,
        "block_size": 4,
        "kv_cache_tokens": 4096,
        "quantize_head": False,
    }
    for name, value in wanted.items():
        monkeypatch.setenv(f"GATEWAY_ENGINE__{name.upper()}", str(value))
    monkeypatch.setenv("GATEWAY_ENGINE__SHARED_SYSTEM_PROMPTS", '["be kind, be brief", "be quick"]')
    settings = Settings(
        _env_file=None,
        model="some/model",
        devices="cuda:1",
        quantization="int8",
        speech_recognition_model="some/whisper",
    )
    assert backend_config(settings).engine == EngineConfig(
        model="some/model",
        devices=("cuda:1",),
        quantization="int8",
        speech_recognition_model="some/whisper",
        shared_system_prompts=("be kind, be brief", "be quick"),
        **wanted,
    )
    assert {field.name for field in fields(EngineConfig)} <= {
        *Settings.model_fields,
        *EngineSettings.model_fields,
    }


def test_engine_as_it_comes_is_the_engines_own_default() -> None:
    assert backend_config(Settings(_env_file=None, devices="cpu")).engine == EngineConfig()


def test_step_is_not_smaller_than_what_runs_in_it() -> None:
    with pytest.raises(ValidationError, match="CHUNK_TOKENS must not be less than"):
        EngineSettings(chunk_tokens=16, max_running_requests=17)
    assert EngineSettings(chunk_tokens=16, max_running_requests=16).chunk_tokens == 16


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_running_requests": 0},
        {"max_running_requests": 1025, "chunk_tokens": 2048},
        {"max_waiting_requests": 0},
        {"max_waiting_prompt_tokens": 0},
        {"chunk_tokens": 15},
        {"chunk_tokens": 65_537},
        {"block_size": 0},
        {"block_size": 1025},
        {"kv_cache_tokens": 15},
        {"cache": 1},
    ],
    ids=str,
)
def test_sizes_that_no_engine_can_have_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValidationError):
        EngineSettings(**wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        "collector:4318",
        "ftp://collector",
        "http://collector:s3cret",
        "http://collector:99999",
        "http://collector:0",
        "http://[::1",
        "http://collector?key=s3cret",
    ],
)
def test_address_that_telemetry_cannot_be_sent_to_is_refused(wrong: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        TelemetrySettings(endpoint=wrong)
    (error,) = refusal.value.errors()
    assert error["msg"] == "Value error, write an address like http://collector:4318"
