"""What the settings refuse, and the errors that operators read."""

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
    """Set in the environment; empty."""
    directory = tmp_path / "secrets"
    directory.mkdir()
    monkeypatch.setenv("GATEWAY_SECRETS_DIR", str(directory))
    return directory


def test_default_lifetime_must_not_exceed_what_operators_may_issue() -> None:
    hour = timedelta(hours=1)
    assert AuthSettings(access_token_ttl=hour, max_access_token_ttl=hour).access_token_ttl == hour
    with pytest.raises(ValidationError, match="ACCESS_TOKEN_TTL must not be longer than"):
        AuthSettings(access_token_ttl=hour, max_access_token_ttl=timedelta(minutes=59))


def test_longest_lifetime_is_the_same_in_settings_and_requests() -> None:
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


def test_environment_takes_precedence_over_files(secrets_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
    with pytest.raises(ValidationError, match=f"the password in GATEWAY_{name.upper()} is missing") as caught:
        Settings(_env_file=None, env="production", auth={"keys_dir": tmp_path}, **given)
    assert not password or password not in str(caught.value)
    assert Settings(_env_file=None, **given).env == "development"


@pytest.mark.parametrize(
    "password",
    [STRONG, "x8Kq2ZpL0vTn", "correct-horse-battery-staple", "%2F%40" + STRONG, 5 * STRONG],
)
def test_password_that_is_hard_to_guess_is_accepted_in_production(tmp_path: Path, password: str) -> None:
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
def test_metrics_for_everyone_are_refused_in_production(tmp_path: Path, networks: str) -> None:
    assert Settings(_env_file=None, metrics_networks=networks)
    with pytest.raises(ValidationError, match="GATEWAY_METRICS_NETWORKS must not let everyone read"):
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
def test_error_of_a_malformed_value_names_the_setting_and_does_not_quote_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, env: str, name: str, value: str
) -> None:
    monkeypatch.setenv("GATEWAY_AUTH__KEYS_DIR", str(tmp_path))
    monkeypatch.setenv("GATEWAY_ENV", env)
    monkeypatch.setenv(f"GATEWAY_{name.upper()}", value)
    with pytest.raises(ValidationError) as caught:
        Settings(_env_file=None)
    assert tuple(name.split("__")) in {error["loc"] for error in caught.value.errors()}
    assert "s3cret" not in str(caught.value)
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
def messages() -> dict[str, str]:
    """The error of each variable for which a word is not a valid value."""
    found = {}
    for name in every_variable():
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv(name, "s3cret")
            try:
                load_settings()
            except CommandFailed as sentence:
                found[name] = str(sentence)
    return found


def test_every_error_names_its_variable_and_quotes_nothing(messages: dict[str, str]) -> None:
    assert len(messages) > 40
    for name, sentence in messages.items():
        assert f"{name} is not valid: " in sentence
        assert "s3cret" not in sentence


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("REMOTE__ENDPOINT", "[]", "no setting has that name; the nearest is GATEWAY_REMOTE__ENDPOINTS."),
        ("SCRIPTED__X", "s3cret", "no setting has that name; there are GATEWAY_SCRIPTED__REPLY, "),
        (
            "REMOTE__ENDPOINTS",
            '[{"headr": "s3cret"}]',
            "headr: no member has that name; the nearest is headers.",
        ),
        ("REMOTE__ENDPOINTS", '[{"x": "s3cret"}]', "x: no member has that name; there are url, key, "),
        ("SCRIPTED__REPLIES", '[{"txt": "s3cret"}]', "txt: no member has that name; the nearest is text."),
    ],
)
def test_an_unknown_name_in_a_section_or_a_list_is_told_with_the_names_that_there_are(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, sentence: str
) -> None:
    monkeypatch.setenv(f"GATEWAY_{name}", value)
    with pytest.raises(CommandFailed) as caught:
        load_settings()
    assert str(caught.value).startswith(f"GATEWAY_{name} is not valid: {sentence}")
    assert "s3cret" not in str(caught.value)


def test_an_unknown_name_of_a_file_is_told_likewise(secrets_dir: Path) -> None:
    (secrets_dir / "gateway_remote__keyy").write_text("s3cret")
    with pytest.raises(CommandFailed, match=r"KEYY is not valid: .* the nearest is GATEWAY_REMOTE__KEY.$"):
        load_settings()


def test_missing_directory_of_secrets_is_an_error(secrets_dir: Path) -> None:
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


def test_defaults_are_those_of_the_engine() -> None:
    assert backend_config(Settings(_env_file=None, devices="cpu")).engine == EngineConfig()


def test_step_must_not_be_smaller_than_what_runs_in_it() -> None:
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
def test_impossible_sizes_are_refused(wrong: dict[str, int]) -> None:
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
def test_invalid_address_of_a_collector_is_refused(wrong: str) -> None:
    with pytest.raises(ValidationError) as caught:
        TelemetrySettings(endpoint=wrong)
    (error,) = caught.value.errors()
    assert error["msg"] == "Value error, write an address like http://collector:4318"


@pytest.mark.parametrize(
    "origins",
    [
        "https://app.example.com",
        "https://app.example.com:8443, http://localhost:3000",
        "capacitor://localhost,ionic://localhost,http://[::1]:3000",
        "null",
        "*",
    ],
)
def test_origins_are_taken_as_browsers_send_them(origins: str) -> None:
    given = Settings(_env_file=None, cors_origins=origins).cors_origins
    assert given == tuple(origin.strip() for origin in origins.split(","))


@pytest.mark.parametrize(
    "origins",
    [
        "app.example.com",
        "https://app.example.com/",
        "https://app.example.com/app",
        "https://App.example.com",
        "https://app.example.com:443",
        "http://localhost:80",
        "https://user@app.example.com",
        "https://*.example.com",
        "https://app.example.com *",
        "*,https://app.example.com",
        "https://",
    ],
)
def test_origin_that_no_browser_sends_is_refused(origins: str) -> None:
    with pytest.raises(ValidationError, match="write origins as browsers send them"):
        Settings(_env_file=None, cors_origins=origins)
