"""What the settings refuse, in words that an operator understands."""

from dataclasses import fields
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import BaseModel, ValidationError

from app.cli.command_failed import CommandFailed
from app.cli.environment import load_settings
from app.lifespan import backend_config
from app.schemas.admin import MAX_LIFETIME_SECONDS
from app.settings import AuthSettings, EngineSettings, Settings, TelemetrySettings
from inference import EngineConfig

STRONG = "7f1d0b9c4e2a8365"
DATABASE_URL = f"postgresql://gateway:{STRONG}@postgres/gateway"


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


GUESSABLE = [
    "",
    "changeme",
    "aaaaaaaaaaaa",
    "passwordpassword",
    "gateway-gateway",
    "abcabcabcabcabc",
    "123456789012345",
    "qwertyuiopasdf",
    "change-me-please",
    "postgres-password-1",
    "supersecretpassword",
    "yourpasswordhere",
    "Passw0rd2024!!",
    "cachecachecache",
    "%61" * 12,
    "x8Kq2ZpL0vT",
]


@pytest.mark.parametrize("password", GUESSABLE)
@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("database_url", "postgresql://gateway:{}@cache/x"),
        ("redis_url", "redis://:{}@cache:6379/0"),
        ("redis_url", "rediss://gateway:{}@cache/0"),
        ("redis_url", "redis://cache/0?password={}"),
    ],
)
def test_password_that_can_be_guessed_is_refused_in_production(
    tmp_path: Path, name: str, url: str, password: str
) -> None:
    given = {name: url.format(password)}
    with pytest.raises(
        ValidationError, match=f"the password in GATEWAY_{name.upper()} is missing"
    ) as refusal:
        Settings(_env_file=None, env="production", auth={"keys_dir": tmp_path}, **given)
    assert not password or password not in str(refusal.value)
    assert Settings(_env_file=None, **given).env == "development"


@pytest.mark.parametrize(
    "password",
    [STRONG, "x8Kq2ZpL0vTn", "correct-horse-battery-staple", "%2F%40" + STRONG, 5 * STRONG],
)
def test_password_that_is_hard_to_guess_is_taken_in_production(tmp_path: Path, password: str) -> None:
    for given in (
        {"database_url": f"postgresql://gateway:{password}@postgres/gateway"},
        {"redis_url": f"redis://:{password}@cache:6379/0"},
    ):
        assert Settings(_env_file=None, env="production", auth={"keys_dir": tmp_path}, **given)


@pytest.mark.parametrize("url", ["sqlite:////var/lib/gateway/x.db", "unix:///run/redis.sock?db=1"])
def test_files_and_sockets_need_no_password(tmp_path: Path, url: str) -> None:
    name = "database_url" if url.startswith("sqlite") else "redis_url"
    assert Settings(_env_file=None, env="production", auth={"keys_dir": tmp_path}, **{name: url})


@pytest.mark.parametrize("networks", ["0.0.0.0/0", "10.0.0.0/8,::/0", "0.0.0.0/1,128.0.0.0/1"])
def test_metrics_for_everybody_stop_a_start_in_production(tmp_path: Path, networks: str) -> None:
    assert Settings(_env_file=None, metrics_networks=networks)
    with pytest.raises(ValidationError, match="GATEWAY_METRICS_NETWORKS must not let everybody read"):
        Settings(_env_file=None, env="production", auth={"keys_dir": tmp_path}, metrics_networks=networks)


MALFORMED = [
    ("database_url", "s3cret"),
    ("database_url", "mysql://gateway:s3cret@db/x"),
    ("database_url", "postgresql+psycopg://gateway:s3cret@db/x"),
    ("database_url", "postgresql://gateway:s3cret@db:port/x"),
    ("database_url", "postgresql://gateway:s3cret@db:99999/x"),
    ("database_url", "postgresql://gateway:s3cret@[::1/x"),
    ("database_url", "postgresql://[s3cret"),
    ("database_url", "postgresql:///s3cret"),
    ("database_url", "postgresql://gateway:s3cret@db/x?sslmode=require"),
    ("redis_url", "s3cret"),
    ("redis_url", "http://:s3cret@cache"),
    ("redis_url", "redis://:s3cret@cache:port/0"),
    ("redis_url", "redis://:s3cret@cache:99999/0"),
    ("redis_url", "redis://:s3cret@[::1/0"),
    ("redis_url", "redis://:s3cret@cache/first"),
    ("redis_url", "redis://:s3cret@cache/0?timeout=1"),
    ("redis_url", "redis://:s3cret@cache/0?socket_timeout=long"),
    ("public_url", "s3cret"),
    ("public_url", "http://[s3cret"),
    ("public_url", "http://s3cret:port"),
    ("public_url", "http://user:s3cret@host"),
    ("public_url", "https://host/s3cret"),
    ("public_url", "ftp://s3cret"),
    ("forwarded_allow_ips", "s3cret"),
    ("forwarded_allow_ips", "10.0.0.1/8,s3cret"),
    ("forwarded_allow_ips", "127.0.0.1,*"),
    ("metrics_networks", "s3cret"),
    ("telemetry__endpoint", "http://s3cret:port"),
    ("telemetry__headers", "s3cret"),
    ("limits__requests_per_minute", "s3cret"),
    ("request_timeout_seconds", "s3cret"),
    ("auth__access_token_ttl", "s3cret"),
    ("env", "s3cret"),
    ("secrets_dir", "/s3cret"),
]


@pytest.mark.parametrize("env", ["development", "production"])
@pytest.mark.parametrize(("name", "value"), MALFORMED)
def test_malformed_value_is_refused_by_the_settings_name_and_never_quoted(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, env: str, name: str, value: str
) -> None:
    monkeypatch.setenv("GATEWAY_AUTH__KEYS_DIR", str(tmp_path))
    monkeypatch.setenv("GATEWAY_ENV", env)
    monkeypatch.setenv(f"GATEWAY_{name.upper()}", value)
    with pytest.raises(ValidationError) as refusal:
        Settings(_env_file=None)
    assert tuple(name.split("__")) in {error["loc"] for error in refusal.value.errors()}
    assert "s3cret" not in str(refusal.value)
    with pytest.raises(CommandFailed, match=f"GATEWAY_{name.upper()} is not valid: ") as sentence:
        load_settings()
    assert "s3cret" not in str(sentence.value)


def every_variable() -> list[str]:
    names = []
    for name, field in Settings.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            names += [f"{name}__{part}" for part in (*kind.model_fields, "unknown")]
        else:
            names.append(name)
    return [f"GATEWAY_{name.upper()}" for name in names]


@pytest.fixture(scope="module")
def refusals() -> dict[str, str]:
    """What each variable that takes no plain word says to one."""
    said = {}
    for name in every_variable():
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv(name, "s3cret")
            try:
                load_settings()
            except CommandFailed as sentence:
                said[name] = str(sentence)
    return said


def test_every_refusal_names_its_variable_and_quotes_nothing(refusals: dict[str, str]) -> None:
    assert len(refusals) > 40
    for name, sentence in refusals.items():
        assert f"{name} is not valid: " in sentence
        assert "s3cret" not in sentence


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
