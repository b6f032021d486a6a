"""The one place that reads `GATEWAY_` in the environment (nested with `__`), `.env` and files of secrets.

Everything is typed, bounded and frozen. Development generates what it needs; production is given
every secret, and a missing, weak or sample one stops the start with one sentence.
"""

import re
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Self
from urllib.parse import SplitResult, urlsplit

from pydantic import BaseModel, Field, SecretStr, ValidationInfo, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    EnvSettingsSource,
    NestedSecretsSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from app.networks import Network, covers_internet, parse_networks
from app.user_limits import UserLimits

if TYPE_CHECKING:
    from app.server_urls import ServerURL

MAX_ACCESS_TOKEN_TTL = timedelta(days=90)

_COMMA_SEPARATED = NoDecode
_EVERYBODY = "*"
_HEADER = re.compile(r"\s*[A-Za-z0-9-]+=[\x21-\x7e]+\s*", re.ASCII)


class _Section(BaseModel, frozen=True, extra="forbid", hide_input_in_errors=True):
    pass


class AuthSettings(_Section):
    issuer: str = Field("autoglm-gateway", description="the `iss` of access tokens")
    audience: str = Field("autoglm-gateway", description="the `aud` of access tokens")
    keys_dir: Path | None = Field(
        None, description="signing keys; default: `keys/` in the data directory; must be given in production"
    )
    access_token_ttl: timedelta = Field(
        timedelta(minutes=15),
        gt=timedelta(0),
        le=timedelta(days=1),
        description="how long an access token lives that is issued or refreshed without saying",
    )
    refresh_token_ttl: timedelta = Field(
        timedelta(days=30),
        gt=timedelta(0),
        le=timedelta(days=365),
        description="how long a refresh token waits for its use",
    )
    refresh_retry_grace: timedelta = Field(
        timedelta(seconds=30),
        ge=timedelta(0),
        le=timedelta(minutes=5),
        description="a used refresh token gives the same successor for that long: an answer may get lost",
    )
    leeway_seconds: int = Field(30, ge=0, le=300, description="how far clocks may differ")
    max_access_token_ttl: timedelta = Field(
        MAX_ACCESS_TOKEN_TTL,
        ge=timedelta(seconds=1),
        le=MAX_ACCESS_TOKEN_TTL,
        description="longest that an operator may issue; a rotated key verifies for that long",
    )
    revocation_poll_seconds: float = Field(
        0.5, gt=0, le=0.8, description="how often the database is asked for revocations"
    )
    key_signing_delay: timedelta = Field(
        timedelta(seconds=2),
        ge=timedelta(0),
        le=timedelta(days=1),
        description="before a new key signs: longer than a poll, so that every process knows it by then; "
        "longer than the JWKS is cached (5 min) where others verify from a cached copy",
    )

    @model_validator(mode="after")
    def _default_may_be_issued(self) -> Self:
        if self.access_token_ttl > self.max_access_token_ttl:
            raise ValueError(
                "GATEWAY_AUTH__ACCESS_TOKEN_TTL must not be longer than GATEWAY_AUTH__MAX_ACCESS_TOKEN_TTL"
            )
        return self


class LimitSettings(_Section):
    requests_per_minute: int = Field(10, ge=1, le=1_000_000, description="per user, in a moving window")
    concurrent_requests: int = Field(2, ge=1, le=100_000, description="per user, at once")
    daily_tokens: int | None = Field(None, ge=1, description="per user and day (UTC), in and out")
    when_redis_is_away: Literal["local", "refuse"] = Field(
        "local", description="limits hold per process meanwhile, or requests get 503"
    )
    auth_attempts_per_minute: int = Field(20, ge=1, description="per address, on /auth and failed sign-ins")
    max_in_flight: int = Field(64, ge=1, description="generations running or waiting; more get 503")

    @cached_property
    def of_users(self) -> UserLimits:
        """The defaults, which hold for users without limits of their own."""
        return UserLimits(self.requests_per_minute, self.concurrent_requests, self.daily_tokens)


class MediaSettings(_Section):
    max_images: int = Field(10, ge=1, le=10, description="in one request")
    max_image_pixels: int = Field(50_000_000, ge=1, description="of one image")
    max_request_pixels: int = Field(120_000_000, ge=1, description="of all images; 3 bytes each in memory")
    max_audio_seconds: int = Field(300, ge=1, description="of all recordings of a request")
    max_json_bytes: int = Field(1_048_576, ge=1024, description="a JSON body on routes without media")
    max_media_bytes: int = Field(25 * 1_048_576, ge=1024, description="a body on routes that take media")
    decoding_processes: int = Field(
        2, ge=1, le=64, description="files decoded at once, each in a child process that can be killed"
    )
    max_waiting_files: int = Field(64, ge=1, le=10_000, description="files that wait for one; more get 503")
    decoding_seconds: float = Field(
        8.0,
        gt=0,
        le=600,
        description="wall-clock time for one file; its process is killed then, and it gets 422",
    )
    decoding_cpu_seconds: int = Field(4, ge=1, le=600, description="likewise, of the processor's time")
    decoding_memory_bytes: int = Field(
        336 * 1_048_576,
        ge=64 * 1_048_576,
        description="likewise, of memory, without the libraries that the processes share",
    )


class OpsSettings(_Section):
    """When the page at /ops turns yellow and red; looked at over five minutes."""

    ttft_warning_seconds: float = Field(
        2.0, gt=0, description="time to the first token of 95 of 100 answers, from which `/ops` is yellow"
    )
    ttft_bad_seconds: float = Field(5.0, gt=0, description="likewise, from which it is red")
    tokens_per_second_warning: float = Field(
        8.0, gt=0, description="tokens a second of the median answer, below which `/ops` is yellow"
    )
    tokens_per_second_bad: float = Field(3.0, gt=0, description="likewise, below which it is red")
    success_rate_warning: float = Field(
        0.99, gt=0, le=1, description="share of requests that succeed, below which `/ops` is yellow"
    )
    success_rate_bad: float = Field(0.95, gt=0, le=1, description="likewise, below which it is red")

    @model_validator(mode="after")
    def _warns_before_it_is_bad(self) -> Self:
        if (
            self.ttft_warning_seconds > self.ttft_bad_seconds
            or self.tokens_per_second_warning < self.tokens_per_second_bad
            or self.success_rate_warning < self.success_rate_bad
        ):
            raise ValueError("each GATEWAY_OPS__…_WARNING must be reached before its …_BAD")
        return self


class EngineSettings(_Section):
    """The in-process engine's sizes. What does not fit into them waits, or is refused."""

    max_running_requests: int = Field(16, ge=1, le=1024, description="computed together, on each device")
    max_waiting_requests: int = Field(64, ge=1, le=100_000, description="of all devices; more get 503")
    max_waiting_prompt_tokens: int = Field(
        262_144, ge=1, le=100_000_000, description="on each device; what would be more gets 503"
    )
    chunk_tokens: int = Field(
        512,
        ge=16,
        le=65_536,
        description="of prompts in one step, which is what a long one delays running streams by",
    )
    block_size: int = Field(16, ge=1, le=1024, description="tokens in a block of the cache")
    kv_cache_tokens: int | None = Field(
        None,
        ge=16,
        le=100_000_000,
        description="on each device; default: what the running requests may need, as far as memory allows",
    )
    quantize_head: bool = Field(True, description="`int8` is for the output head and the embedding too")
    shared_system_prompts: tuple[str, ...] = Field(
        (),
        max_length=1000,
        description="a JSON list; cached once for all users, who may find out by timing that others use them",
    )

    @model_validator(mode="after")
    def _running_requests_fit_into_a_step(self) -> Self:
        if self.chunk_tokens < self.max_running_requests:
            raise ValueError(
                "GATEWAY_ENGINE__CHUNK_TOKENS must not be less than GATEWAY_ENGINE__MAX_RUNNING_REQUESTS"
            )
        return self


class ScriptedSettings(_Section):
    reply: str = Field(
        "one two three four five six seven eight",
        description="what the scripted backend says, word by word; `{prompt}` stands for what it was asked",
    )
    step_seconds: float = Field(0.0, ge=0, description="waited before each word")


class TelemetrySettings(_Section):
    endpoint: str | None = Field(
        None,
        description="who collects OTLP over HTTP, as `http://collector:4318`; without it nothing is sent",
    )
    headers: SecretStr | None = Field(
        None, description="sent along, as `name=value,name=value`; for the collector's own access token"
    )
    ca_file: Path | None = Field(
        None, description="certificates that the collector's is checked against; default: the system's"
    )
    service_name: str = Field(
        "autoglm-gateway", min_length=1, description="the `service.name` of what is sent"
    )
    trace_ratio: float = Field(1.0, ge=0, le=1, description="share of requests that are traced")
    metrics: bool = Field(True, description="whether metrics are sent, the same as `/metrics` has")
    metrics_interval: timedelta = Field(
        timedelta(minutes=1),
        ge=timedelta(seconds=1),
        le=timedelta(hours=1),
        description="how often they are sent",
    )

    @field_validator("endpoint")
    @classmethod
    def _is_address(cls, endpoint: str | None) -> str | None:
        if endpoint is not None:
            parts = _split(endpoint)
            if parts is None or parts.scheme not in ("http", "https") or parts.query or parts.fragment:
                raise ValueError("write an address like http://collector:4318")
            if parts.username is not None or parts.password is not None:
                raise ValueError("secrets belong into GATEWAY_TELEMETRY__HEADERS, not into the address")
        return endpoint

    @field_validator("headers")
    @classmethod
    def _are_headers(cls, headers: SecretStr | None) -> SecretStr | None:
        if headers is not None and not all(map(_HEADER.fullmatch, headers.get_secret_value().split(","))):
            raise ValueError("write headers like name=value, with commas between them")
        return headers

    @property
    def header_values(self) -> dict[str, str]:
        if self.headers is None:
            return {}
        pairs = (pair.partition("=") for pair in self.headers.get_secret_value().split(","))
        return {name.strip(): value.strip() for name, _, value in pairs}


class Settings(BaseSettings):
    model_config = SettingsConfigDict(
        env_prefix="GATEWAY_",
        env_nested_delimiter="__",
        env_file=".env",
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
        nested_model_default_partial_update=True,
    )

    env: Literal["development", "production"] = Field(
        "development", description="production does not start without its secrets, or with weak ones"
    )
    secrets_dir: Path | None = Field(
        None,
        description="files named like settings, as `gateway_database_url`, whose content is the value: a "
        "container's secrets, systemd's credentials. The environment wins",
    )
    data_dir: Path = Field(
        Path("data"), description="database, development keys, usage that could not be written yet"
    )
    database_url: SecretStr | None = Field(
        None,
        description="`postgresql://user:password@host/name`; default: SQLite in the data directory",
    )
    redis_url: SecretStr | None = Field(
        None, description="`redis://:password@host:6379/0`; without it limits hold per process"
    )
    backend: Literal["in_process", "scripted"] = Field(
        "in_process", description="what answers: the model in this process, or canned words for tests"
    )
    model: str | None = Field(None, description="a directory or hub name; default: the embedded model")
    devices: Annotated[tuple[str, ...], _COMMA_SEPARATED] = Field(
        ("auto",), description="one worker each, as `cuda:0,cuda:1`; `auto`: every GPU, or else the CPU"
    )
    quantization: Literal["int8", "none"] = Field(
        "none",
        description="of weights that are floats; saved int8 stays on GPUs, CPUs with VNNI, or if asked for",
    )
    speech_recognition_model: str | None = Field(
        None,
        description="a Whisper checkpoint, a directory or hub name: hears for models without an audio tower",
    )
    request_timeout_seconds: float = Field(
        60.0, ge=1, le=600, description="for a whole request; the engine stops 4 % earlier"
    )
    memory_budget_bytes: int = Field(
        2**30,
        ge=64 * 1_048_576,
        description="for the bodies and decoded media of all requests together; what does not fit waits, or "
        "gets 503. The model, its cache and the process itself come on top",
    )
    spool_bytes: int = Field(
        4 * 2**30,
        ge=64 * 1_048_576,
        description="of the disk of the data directory, for uploads of all requests together; what is more "
        "gets 503",
    )
    drain_seconds: float = Field(
        60.0, ge=0, le=600, description="how long running requests may finish after SIGTERM"
    )
    metrics_networks: Annotated[tuple[str, ...], _COMMA_SEPARATED] = Field(
        ("127.0.0.0/8", "::1/128"),
        description="addresses that read `/metrics` without a token, when no proxy stands between",
    )
    metrics_users: int = Field(
        0, ge=0, le=1000, description="users whose ids `/metrics` may show; further ones are counted together"
    )
    forwarded_allow_ips: str = Field(
        "127.0.0.1,::1",
        description="proxies whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed: addresses or "
        "networks or `localhost`, with commas between them; `*`: everybody, who may then claim any address",
    )
    public_url: str | None = Field(
        None,
        description="where this gateway is reached, as `https://gateway.example.com`; for links it prints",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="what is logged of the gateway's own lines"
    )
    auth: AuthSettings = AuthSettings()
    limits: LimitSettings = LimitSettings()
    media: MediaSettings = MediaSettings()
    ops: OpsSettings = OpsSettings()
    engine: EngineSettings = EngineSettings()
    scripted: ScriptedSettings = ScriptedSettings()
    telemetry: TelemetrySettings = TelemetrySettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Adds the files of `secrets_dir`, which itself is found in any of the others."""
        sources = (init_settings, env_settings, dotenv_settings)
        directory = next((given for source in sources if (given := source().get("secrets_dir"))), None)
        files = NestedSecretsSettingsSource(
            file_secret_settings, secrets_dir=directory, secrets_dir_missing="ok"
        )
        return *sources, files

    @field_validator("secrets_dir")
    @classmethod
    def _is_directory(cls, directory: Path | None) -> Path | None:
        if directory is not None and not directory.is_dir():
            raise ValueError("there is no such directory")
        return directory

    @model_validator(mode="before")
    @classmethod
    def _split_lists(cls, values: dict[str, object]) -> dict[str, object]:
        for name in ("devices", "metrics_networks"):
            value = values.get(name)
            if isinstance(value, str):
                values[name] = tuple(item.strip() for item in value.split(",") if item.strip())
        return values

    @field_validator("metrics_networks")
    @classmethod
    def _are_networks(cls, networks: tuple[str, ...]) -> tuple[str, ...]:
        try:
            parse_networks(networks)
        except ValueError:  # its words quote the value
            raise ValueError("write networks like 10.0.0.0/8 or fd00::/8, with commas between them") from None
        return networks

    @field_validator("forwarded_allow_ips")
    @classmethod
    def _are_proxies(cls, proxies: str) -> str:
        if proxies.strip() != _EVERYBODY:
            try:
                parse_networks(_items(proxies))
            except ValueError:  # its words quote the value
                raise ValueError(
                    "write addresses or networks like 10.0.0.0/8, with commas between them, or * alone"
                ) from None
        return proxies

    @field_validator("database_url", "redis_url")
    @classmethod
    def _can_be_read(cls, url: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if url is not None and info.field_name is not None:
            _read_server_url(info.field_name, url)
        return url

    @field_validator("public_url")
    @classmethod
    def _is_public(cls, url: str | None) -> str | None:
        if url is not None:
            parts = _split(url)
            is_origin = parts is not None and url == f"{parts.scheme}://{parts.netloc}" and "@" not in url
            if parts is None or parts.scheme not in ("http", "https") or not is_origin:
                raise ValueError("write an address like https://gateway.example.com, without a path")
        return url

    @model_validator(mode="after")
    def _production_is_given_its_secrets(self) -> Self:
        if self.env == "development":
            return self
        if self.auth.keys_dir is None:
            raise ValueError("GATEWAY_AUTH__KEYS_DIR must be set in production: a directory of signing keys")
        if self.backend == "scripted":
            raise ValueError("GATEWAY_BACKEND=scripted is for tests; production needs a real backend")
        for name, url in (("database_url", self.database_url), ("redis_url", self.redis_url)):
            if url is not None and not _has_strong_password(name, url):
                raise ValueError(
                    f"the password in GATEWAY_{name.upper()} is missing, short or easy to guess; give it a "
                    "long random one, as `openssl rand -hex 24` makes"
                )
        if any(map(covers_internet, self.parsed_metrics_networks)):
            raise ValueError(
                "GATEWAY_METRICS_NETWORKS must not let everybody read /metrics in production; list the "
                "addresses of Prometheus, or give it a token with scope ops"
            )
        return self

    @property
    def parsed_metrics_networks(self) -> tuple[Network, ...]:
        return parse_networks(self.metrics_networks)

    @property
    def trusted_proxies(self) -> str | list[str]:
        """As uvicorn takes them: `*`, or networks."""
        if self.forwarded_allow_ips.strip() == _EVERYBODY:
            return _EVERYBODY
        return list(map(str, parse_networks(_items(self.forwarded_allow_ips))))

    @property
    def effective_database_url(self) -> str:
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        return f"sqlite+aiosqlite:///{(self.data_dir / 'gateway.db').absolute()}"

    @property
    def keys_dir(self) -> Path:
        return self.auth.keys_dir or self.data_dir / "keys"


def unknown_variables() -> list[str]:
    """Names in the environment and `.env` that look like settings and set nothing."""
    known = set()
    for name, field in Settings.model_fields.items():
        known.add(f"GATEWAY_{name}".upper())
        if isinstance(field.annotation, type) and issubclass(field.annotation, _Section):
            known |= {f"GATEWAY_{name}__{part}".upper() for part in field.annotation.model_fields}
    given = {*EnvSettingsSource(Settings).env_vars, *DotEnvSettingsSource(Settings).env_vars}
    return sorted({name.upper() for name in given if name.upper().startswith("GATEWAY_")} - known)


def _items(text: str) -> list[str]:
    return [item.strip() for item in text.split(",") if item.strip()]


def _split(url: str) -> SplitResult | None:
    """None for what is no URL: the words of urllib's errors quote it."""
    try:
        parts = urlsplit(url)
        has_port = parts.port != 0
    except ValueError:
        return None
    return parts if parts.hostname and has_port else None


def _read_server_url(name: str, url: SecretStr) -> "ServerURL":
    from app.server_urls import read_database_url, read_redis_url  # which says why not at the top

    read = read_database_url if name == "database_url" else read_redis_url
    return read(url.get_secret_value())


def _has_strong_password(name: str, url: SecretStr) -> bool:
    from app.secret_strength import is_strong  # which says what it costs

    read = _read_server_url(name, url)
    return not read.needs_password or is_strong(read.password, read.known)
