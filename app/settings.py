"""Reads `GATEWAY_…` from the environment (nested with `__`), `.env` and files of secrets; nothing else does.

Everything is typed, bounded and frozen. Development generates the secrets that it needs. Production does not
start if a secret is missing, weak or from an example, and says which in one sentence.
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
from inference import (
    DEFAULT_ABILITIES,
    Ability,
    BackendKind,
    PictureFormat,
    Recordings,
    ScriptedReply,
)

if TYPE_CHECKING:
    from app.server_urls import ServerURL

MAX_ACCESS_TOKEN_TTL = timedelta(days=90)
MAX_PROCESSES = 16  # as many files of usage as a data directory may have

_COMMA_SEPARATED = NoDecode
_ALL_CLIENTS = "*"
_ALL_ORIGINS = "*"
_OPAQUE_ORIGIN = "null"  # of pages in files, and of sandboxed frames
_WEB_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://([a-z0-9._-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?", re.ASCII)
_DEFAULT_PORTS = ("http://", ":80"), ("https://", ":443")
_HEADER_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_HEADERS_OF_GATEWAY = frozenset(
    {
        "accept",
        "accept-encoding",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "expect",
        "host",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
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
        description="lifetime of access tokens that are issued without one, or refreshed",
    )
    refresh_token_ttl: timedelta = Field(
        timedelta(days=30),
        gt=timedelta(0),
        le=timedelta(days=365),
        description="how long an unused refresh token is valid",
    )
    refresh_retry_grace: timedelta = Field(
        timedelta(seconds=30),
        ge=timedelta(0),
        le=timedelta(minutes=5),
        description="how long a used refresh token returns its successor again, in case a response is lost",
    )
    leeway_seconds: int = Field(30, ge=0, le=300, description="how far clocks may differ")
    max_access_token_ttl: timedelta = Field(
        MAX_ACCESS_TOKEN_TTL,
        ge=timedelta(seconds=1),
        le=MAX_ACCESS_TOKEN_TTL,
        description="longest lifetime that an operator may issue; a rotated key verifies for that long",
    )
    revocation_poll_seconds: float = Field(
        0.5, gt=0, le=0.8, description="how often revocations are read from the database"
    )
    key_signing_delay: timedelta = Field(
        timedelta(seconds=2),
        ge=timedelta(0),
        le=timedelta(days=1),
        description="how long a new key waits before it signs: longer than a poll, so that every process has "
        "read it; longer than 5 minutes, for which the JWKS is cached, if other services verify with it",
    )

    @model_validator(mode="after")
    def _default_ttl_is_allowed(self) -> Self:
        if self.access_token_ttl > self.max_access_token_ttl:
            raise ValueError(
                "GATEWAY_AUTH__ACCESS_TOKEN_TTL must not be longer than GATEWAY_AUTH__MAX_ACCESS_TOKEN_TTL"
            )
        return self


class LimitSettings(_Section):
    requests_per_minute: int = Field(
        10, ge=1, le=1_000_000, description="per user, in a moving window; a token may be issued with its own"
    )
    concurrent_requests: int = Field(2, ge=1, le=100_000, description="per user, at once")
    daily_tokens: int | None = Field(None, ge=1, description="per user and day (UTC), in and out")
    when_redis_is_away: Literal["local", "refuse"] = Field(
        "local",
        description="while Redis is unavailable: apply limits per process, or refuse requests with 503",
    )
    auth_attempts_per_minute: int = Field(
        20, ge=1, description="per address: requests to /auth, and failed sign-ins"
    )
    max_in_flight: int = Field(64, ge=1, description="generations that run or wait; further ones get 503")

    @cached_property
    def of_users(self) -> UserLimits:
        """The defaults, which hold for users without limits of their own."""
        return UserLimits(self.requests_per_minute, self.concurrent_requests, self.daily_tokens)


class MediaSettings(_Section):
    max_images: int = Field(10, ge=1, le=10, description="in one request")
    max_image_pixels: int = Field(50_000_000, ge=1, description="of one image")
    max_request_pixels: int = Field(
        120_000_000, ge=1, description="of all images of a request; each takes 3 bytes of memory"
    )
    max_audio_seconds: int = Field(300, ge=1, description="of all recordings of a request")
    max_json_bytes: int = Field(1_048_576, ge=1024, description="of a JSON body on routes without media")
    max_media_bytes: int = Field(25 * 1_048_576, ge=1024, description="of a body on routes with media")
    decoding_processes: int = Field(
        2, ge=1, le=64, description="files decoded at once, each in a child process that can be killed"
    )
    max_waiting_files: int = Field(
        64, ge=1, le=10_000, description="files that wait to be decoded; further ones get 503"
    )
    decoding_seconds: float = Field(
        8.0,
        gt=0,
        le=600,
        description="wall-clock time for one file; then its process is killed and the request gets 422",
    )
    decoding_cpu_seconds: int = Field(4, ge=1, le=600, description="processor time for one file, likewise")
    decoding_memory_bytes: int = Field(
        336 * 1_048_576,
        ge=64 * 1_048_576,
        description="memory for one file, likewise; without the libraries that the processes share",
    )


class StreamSettings(_Section):
    """Recorded responses: streams that can be resumed, and responses in the background."""

    unread_seconds: float = Field(
        60.0,
        ge=0,
        le=600,
        description="how long a resumable stream is generated that nobody reads; then it is stopped",
    )
    kept_seconds: float = Field(
        300.0,
        ge=0,
        le=3600,
        description="how long a response can be read after its end",
    )
    max_stream_bytes: int = Field(
        4 * 1_048_576,
        ge=65_536,
        description="of one response; of a longer one, the first part can no longer be read",
    )
    max_user_bytes: int = Field(
        16 * 1_048_576,
        ge=65_536,
        description="of one user's; responses that have ended give way. If that is not enough, a further "
        "stream is not resumable, and one in the background gets 503. Readers may hold as much again",
    )
    max_bytes: int = Field(128 * 1_048_576, ge=65_536, description="of all users, likewise")


class IdempotencySettings(_Section):
    """Of requests with an `Idempotency-Key`."""

    responses: Literal["encrypted", "none"] = Field(
        "encrypted",
        description="whether responses are stored in the database, encrypted with the key that the client "
        "sent. With `none`, a retry after the end gets 409 `response_not_stored`",
    )
    kept: timedelta = Field(
        timedelta(hours=24),
        ge=timedelta(minutes=1),
        le=timedelta(days=7),
        description="how long a key and its response are kept",
    )
    max_response_bytes: int = Field(
        1_048_576,
        ge=0,
        le=64 * 1_048_576,
        description="of one response; a larger one is not stored",
    )
    max_stored_bytes: int = Field(
        2**30,
        ge=0,
        description="of all stored responses together, compressed; beyond it the oldest are deleted within a "
        "minute",
    )


class OpsSettings(_Section):
    """When the page at /ops turns yellow and red. Measured over five minutes."""

    ttft_warning_seconds: float = Field(
        2.0, gt=0, description="95th percentile of the time to the first token from which `/ops` is yellow"
    )
    ttft_bad_seconds: float = Field(5.0, gt=0, description="likewise, red")
    tokens_per_second_warning: float = Field(
        8.0, gt=0, description="tokens per second of the median response below which `/ops` is yellow"
    )
    tokens_per_second_bad: float = Field(3.0, gt=0, description="likewise, red")
    success_rate_warning: float = Field(
        0.99, gt=0, le=1, description="share of requests that succeed below which `/ops` is yellow"
    )
    success_rate_bad: float = Field(0.95, gt=0, le=1, description="likewise, red")

    @model_validator(mode="after")
    def _warning_comes_before_bad(self) -> Self:
        if (
            self.ttft_warning_seconds > self.ttft_bad_seconds
            or self.tokens_per_second_warning < self.tokens_per_second_bad
            or self.success_rate_warning < self.success_rate_bad
        ):
            raise ValueError("each GATEWAY_OPS__…_WARNING must be reached before its …_BAD")
        return self


class EngineSettings(_Section):
    """Sizes of the in-process engine. Requests that do not fit wait or are refused."""

    max_running_requests: int = Field(16, ge=1, le=1024, description="computed together on each device")
    max_waiting_requests: int = Field(
        64, ge=1, le=100_000, description="for all devices; further ones get 503"
    )
    max_waiting_prompt_tokens: int = Field(
        262_144, ge=1, le=100_000_000, description="on each device; a request that would exceed it gets 503"
    )
    chunk_tokens: int = Field(
        512,
        ge=16,
        le=65_536,
        description="of prompts in one step; a long prompt delays running streams by one such step at a time",
    )
    block_size: int = Field(16, ge=1, le=1024, description="tokens per block of the KV cache")
    kv_cache_tokens: int | None = Field(
        None,
        ge=16,
        le=100_000_000,
        description="on each device; default: what the running requests can need, as far as memory allows",
    )
    quantize_head: bool = Field(
        True, description="whether `int8` also applies to the output head and the embedding"
    )
    shared_system_prompts: tuple[str, ...] = Field(
        (),
        max_length=1000,
        description="a JSON list; cached once for all users, who can find out by timing that others use them",
    )
    grammar_cache_bytes: int = Field(
        256 << 20,
        ge=0,
        le=1 << 40,
        description="on each device; for compiled schemas and tools, beside `GATEWAY_MEMORY_BUDGET_BYTES`",
    )

    @model_validator(mode="after")
    def _running_requests_fit_in_a_step(self) -> Self:
        if self.chunk_tokens < self.max_running_requests:
            raise ValueError(
                "GATEWAY_ENGINE__CHUNK_TOKENS must not be less than GATEWAY_ENGINE__MAX_RUNNING_REQUESTS"
            )
        return self


def _as_header(key: SecretStr | None) -> SecretStr | None:
    """Without the line feed that files and commands add. Raises ValueError."""
    if key is None:
        return None
    value = key.get_secret_value().strip()
    if not (value.isascii() and value.isprintable()) or " " in value:
        raise ValueError("a key has visible ASCII characters only")
    return SecretStr(value)


def _as_own_headers(headers: dict[str, SecretStr]) -> dict[str, SecretStr]:
    """Likewise. Names only those that the gateway knows: another one may be a secret in the wrong place."""
    if len({name.lower() for name in headers}) < len(headers):
        raise ValueError("a header is given twice")
    values: dict[str, SecretStr] = {}
    for name, secret in headers.items():
        if name.lower() in _HEADERS_OF_GATEWAY:
            raise ValueError(f"{name} is set by the gateway itself")
        if not _HEADER_NAME.fullmatch(name):
            raise ValueError("the name of a header has letters, digits, - and _")
        value = secret.get_secret_value().strip()
        if not (value and value.isascii() and value.isprintable()):
            raise ValueError("the value of a header has visible ASCII characters and spaces")
        values[name] = SecretStr(value)
    return values


class RemoteEndpointSettings(_Section):
    """One of `GATEWAY_REMOTE__ENDPOINTS`: an object, or its `url` alone."""

    url: str
    key: SecretStr | None = None
    model: str | None = Field(None, min_length=1, max_length=200)
    headers: dict[str, SecretStr] = Field(default_factory=dict, max_length=32)
    query: SecretStr = SecretStr("")

    @model_validator(mode="before")
    @classmethod
    def _may_be_its_url(cls, value: object) -> object:
        """The query of its address may be a secret, and is kept apart."""
        if isinstance(value, str):
            value = {"url": value}
        if isinstance(value, dict) and isinstance(url := value.get("url"), str) and "query" not in value:
            url, _, query = url.partition("?")
            value = {**value, "url": url, "query": query}
        return value

    _key = field_validator("key")(_as_header)
    _headers = field_validator("headers")(_as_own_headers)

    @field_validator("query")
    @classmethod
    def _is_query(cls, query: SecretStr) -> SecretStr:
        value = query.get_secret_value()
        if not (value.isascii() and value.isprintable()) or set(value) & set(" #"):
            raise ValueError("write the query of the address without spaces and #")
        return query

    @model_validator(mode="after")
    def _has_one_authorization(self) -> Self:
        if self.key is not None and "authorization" in map(str.lower, self.headers):
            raise ValueError("give either `key` or the header Authorization")
        return self

    @field_validator("url")
    @classmethod
    def _is_address(cls, url: str) -> str:
        parts = _split(url)
        if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("write an address like http://engine:8000")
        if parts.username is not None or parts.password is not None:
            raise ValueError("put the secret in `key`, not in the address")
        if parts.query or parts.fragment:
            raise ValueError("write the address without #, and put a secret in `key` or `headers`")
        return url


class RemoteSettings(_Section):
    """Engines with OpenAI's API that serve the model, if `GATEWAY_BACKEND` has `remote`."""

    endpoints: tuple[RemoteEndpointSettings, ...] = Field(
        (),
        max_length=256,
        description='a JSON list of engines that serve one model, such as `[{"url": "http://engine:8000"}]`; '
        "each may have a `key`, `headers` of its own (an object of names and secret values) and the `model` "
        "under which it serves (default: its first), or be only a URL",
    )
    key: SecretStr | None = Field(None, description="sent to endpoints that have no `key` of their own")
    abilities: Annotated[tuple[Ability, ...], _COMMA_SEPARATED] = Field(
        tuple(sorted(DEFAULT_ABILITIES)),
        description="what the engines take; requests with anything else are refused by name, except those "
        "for thoughts, of which an engine without `thinking` is not told. `thinking` and `top_k` are members "
        "that OpenAI's API does not have; `actions` is for engines that are this gateway; `priority` is for "
        "vLLM with `--scheduling-policy priority`",
    )
    recordings: Recordings = Field(
        "auto",
        description="go to the engines as `input_audio` in messages; to the route `/v1/audio/transcriptions` "
        "of `GATEWAY_REMOTE__TRANSCRIPTION_ENDPOINTS`, or else of the engines (`transcriptions`); to "
        "`GATEWAY_SPEECH_RECOGNITION_MODEL`, which runs here; or are refused (`none`). `auto`: the first "
        "of `transcriptions` and `speech_recognition_model` that has its own setting, or else `none`",
    )
    transcription_endpoints: tuple[RemoteEndpointSettings, ...] = Field(
        (),
        max_length=256,
        description="a JSON list, like `GATEWAY_REMOTE__ENDPOINTS`, of engines that transcribe recordings, "
        "such as vLLM with Whisper",
    )
    picture_format: PictureFormat = Field("png", description="in which pictures are sent")
    starts_in_thought: bool = Field(
        False,
        description="whether responses begin inside a thought and have only `</think>`: the chat template "
        "writes `<think>` into the prompt (DeepSeek-R1, QwQ), and the engine has no parser of thoughts. With "
        "`thinking` among the abilities, only if the request wants thoughts; without it, always",
    )
    context_length: int | None = Field(
        None, ge=16, le=100_000_000, description="in tokens; default: what the engines report, or 8192"
    )
    max_outstanding: int = Field(
        256, ge=1, le=100_000, description="requests at each endpoint at once; further ones get 503"
    )
    health_seconds: float = Field(
        5.0, ge=0.1, le=600, description="between two checks of an endpoint that is healthy"
    )
    ca_file: Path | None = Field(
        None, description="certificates that verify the engines'; default: the system's"
    )

    @model_validator(mode="before")
    @classmethod
    def _split_abilities(cls, values: dict[str, object]) -> dict[str, object]:
        if isinstance(values, dict) and isinstance(given := values.get("abilities"), str):
            return values | {"abilities": tuple(_items(given))}
        return values

    _key = field_validator("key")(_as_header)


class ScriptedSettings(_Section):
    reply: str = Field(
        "one two three four five six seven eight",
        description="what the scripted backend returns, word by word; `{prompt}` is replaced with the prompt",
    )
    step_seconds: float = Field(0.0, ge=0, description="delay before each word")
    replies: tuple[ScriptedReply, ...] = Field(
        (),
        description="a JSON list that replaces `reply`: the response of each turn, with `text`, `reasoning`, "
        "`tool_calls` (pairs of a name and JSON arguments) and `cached_tokens`",
    )


class TelemetrySettings(_Section):
    endpoint: str | None = Field(
        None,
        description="a collector of OTLP over HTTP, such as `http://collector:4318`; unset, nothing is sent",
    )
    headers: SecretStr | None = Field(
        None,
        description="sent with each request, as `name=value,name=value`; for the collector's access token",
    )
    ca_file: Path | None = Field(
        None, description="certificates that verify the collector's; default: the system's"
    )
    service_name: str = Field(
        "autoglm-gateway", min_length=1, description="the `service.name` of traces and metrics"
    )
    trace_ratio: float = Field(1.0, ge=0, le=1, description="share of requests that are traced")
    metrics: bool = Field(True, description="whether the metrics of `/metrics` are sent")
    metrics_interval: timedelta = Field(
        timedelta(minutes=1),
        ge=timedelta(seconds=1),
        le=timedelta(hours=1),
        description="how often metrics are sent",
    )

    @field_validator("endpoint")
    @classmethod
    def _is_address(cls, endpoint: str | None) -> str | None:
        if endpoint is not None:
            parts = _split(endpoint)
            if parts is None or parts.scheme not in ("http", "https") or parts.query or parts.fragment:
                raise ValueError("write an address like http://collector:4318")
            if parts.username is not None or parts.password is not None:
                raise ValueError("put secrets in GATEWAY_TELEMETRY__HEADERS, not in the address")
        return endpoint

    @field_validator("headers")
    @classmethod
    def _are_headers(cls, headers: SecretStr | None) -> SecretStr | None:
        if headers is not None and not all(map(_HEADER.fullmatch, headers.get_secret_value().split(","))):
            raise ValueError("write headers like name=value, separated by commas")
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
        "development", description="production does not start if a secret is missing or weak"
    )
    secrets_dir: Path | None = Field(
        None,
        description="directory of files that are named like settings, such as `gateway_database_url`, and "
        "contain the value: secrets of a container, credentials of systemd. The environment takes precedence",
    )
    data_dir: Path = Field(
        Path("data"),
        description="for the database, development keys, and usage that is not in the database yet",
    )
    database_url: SecretStr | None = Field(
        None,
        description="`postgresql://user:password@host/name`; default: SQLite in the data directory",
    )
    redis_url: SecretStr | None = Field(
        None, description="`redis://:password@host:6379/0`; without it limits apply per process"
    )
    backend: Annotated[tuple[BackendKind, ...], _COMMA_SEPARATED] = Field(
        ("in_process",),
        min_length=1,
        description="what generates responses: the model in this process, the engines of "
        "`GATEWAY_REMOTE__ENDPOINTS`, or a fixed reply for tests. With `in_process,remote` or "
        "`remote,in_process`, the second one serves what the first one has no place or no worker for",
    )
    model: str | None = Field(None, description="a directory or hub name; default: the embedded model")
    model_name: str | None = Field(
        None,
        min_length=1,
        max_length=128,
        description="the name under which the model is served; default: the checkpoint's own",
    )
    model_aliases: Annotated[tuple[str, ...], _COMMA_SEPARATED] = Field(
        (),
        description="further names that requests under `/v1` may use. The embedded model is also "
        "`autoglm-phone-9b`",
    )
    thinking: Literal["auto", "on", "off"] = Field(
        "auto",
        description="whether the model thinks for requests under `/v1` that do not say; `auto`: on for "
        "AutoGLM checkpoints other than the embedded one, whose agents expect it",
    )
    thoughts: Literal["auto", "content", "reasoning_content", "hidden"] = Field(
        "auto",
        description="where responses under `/v1` have the thoughts, if a request does not say: in the "
        "content with the model's own tags, in a field of their own, or nowhere; `auto`: in the content for "
        "AutoGLM checkpoints",
    )
    devices: Annotated[tuple[str, ...], _COMMA_SEPARATED] = Field(
        ("auto",),
        description="such as `cuda:0,cuda:1`; `auto`: every GPU, or else the CPU",
    )
    placement: Literal["replicate", "split"] = Field(
        "replicate",
        description="the whole model on each device, which then has a worker; or its layers split over all "
        "devices, for models that one device cannot hold",
    )
    workers: Literal["threads", "processes"] = Field(
        "threads",
        description="run in the gateway, or as processes of their own, of which an error of a GPU ends one",
    )
    quantization: Literal["int8", "none"] = Field(
        "none",
        description="of weights stored as floats; int8 weights stay so on GPUs, CPUs with AVX2, and if set",
    )
    speech_recognition_model: str | None = Field(
        None,
        description="a Whisper checkpoint (directory or hub name), for models without an audio tower",
    )
    processes: int = Field(
        1,
        ge=1,
        le=MAX_PROCESSES,
        description="of `gateway serve` that share its port, for remote engines. They divide "
        "`GATEWAY_LIMITS__MAX_IN_FLIGHT`, `GATEWAY_REMOTE__MAX_OUTSTANDING`, "
        "`GATEWAY_MEDIA__DECODING_PROCESSES` and `GATEWAY_MEDIA__MAX_WAITING_FILES`; each has the memory, "
        "disk and database connections of one gateway. More than one needs `GATEWAY_REDIS_URL`",
    )
    request_timeout_seconds: float = Field(
        60.0, ge=1, le=600, description="for a whole request; the engine stops 4 % earlier"
    )
    memory_budget_bytes: int = Field(
        2**30,
        ge=64 * 1_048_576,
        description="for bodies and decoded media of all requests together; requests that do not fit wait "
        "or get 503. The model, its cache and the process itself are not included",
    )
    spool_bytes: int = Field(
        4 * 2**30,
        ge=64 * 1_048_576,
        description="of disk in the data directory, for uploads of all requests together; requests that do "
        "not fit get 503",
    )
    drain_seconds: float = Field(
        60.0, ge=0, le=600, description="how long running requests may continue after SIGTERM"
    )
    metrics_networks: Annotated[tuple[str, ...], _COMMA_SEPARATED] = Field(
        ("127.0.0.0/8", "::1/128"),
        description="addresses that may read `/metrics` without a token, unless they use a proxy",
    )
    metrics_users: int = Field(
        0,
        ge=0,
        le=1000,
        description="number of users that `/metrics` shows by id; further users are counted together",
    )
    forwarded_allow_ips: str = Field(
        "127.0.0.1,::1",
        description="proxies whose `X-Forwarded-For` and `X-Forwarded-Proto` are trusted: addresses, "
        "networks or `localhost`, separated by commas; `*`: all clients, which can then claim any address",
    )
    public_url: str | None = Field(
        None,
        description="the address of this gateway, such as `https://gateway.example.com`, for printed links",
    )
    cors_origins: Annotated[tuple[str, ...], _COMMA_SEPARATED] = Field(
        (),
        description="origins whose web pages and WebViews may call the gateway with a token, such as "
        "`https://app.example.com,capacitor://localhost`; `*`: all. Never the routes for operators, "
        "and never with cookies",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="lowest level of the gateway's own log lines"
    )
    auth: AuthSettings = AuthSettings()
    limits: LimitSettings = LimitSettings()
    media: MediaSettings = MediaSettings()
    streams: StreamSettings = StreamSettings()
    idempotency: IdempotencySettings = IdempotencySettings()
    ops: OpsSettings = OpsSettings()
    engine: EngineSettings = EngineSettings()
    remote: RemoteSettings = RemoteSettings()
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
        """Add the files of `secrets_dir`, which the other sources can set."""
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
        for name in ("backend", "devices", "model_aliases", "metrics_networks", "cors_origins"):
            value = values.get(name)
            if isinstance(value, str):
                values[name] = tuple(item.strip() for item in value.split(",") if item.strip())
        return values

    @field_validator("metrics_networks")
    @classmethod
    def _are_networks(cls, networks: tuple[str, ...]) -> tuple[str, ...]:
        try:
            parse_networks(networks)
        except ValueError:  # its message quotes the value
            raise ValueError("write networks like 10.0.0.0/8 or fd00::/8, separated by commas") from None
        return networks

    @field_validator("cors_origins")
    @classmethod
    def _are_origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        if origins != (_ALL_ORIGINS,) and not all(map(_is_web_origin, origins)):
            raise ValueError(
                "write origins as browsers send them, like https://app.example.com: in lower case, without "
                "a path and without the default port; separated by commas; or only *"
            )
        return origins

    @field_validator("forwarded_allow_ips")
    @classmethod
    def _are_proxies(cls, proxies: str) -> str:
        if proxies.strip() != _ALL_CLIENTS:
            try:
                parse_networks(_items(proxies))
            except ValueError:  # its message quotes the value
                raise ValueError(
                    "write addresses or networks like 10.0.0.0/8, separated by commas, or only *"
                ) from None
        return proxies

    @field_validator("database_url", "redis_url")
    @classmethod
    def _is_server_url(cls, url: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if url is not None and info.field_name is not None:
            _read_server_url(info.field_name, url)
        return url

    @field_validator("public_url")
    @classmethod
    def _is_origin(cls, url: str | None) -> str | None:
        if url is not None:
            parts = _split(url)
            is_origin = parts is not None and url == f"{parts.scheme}://{parts.netloc}" and "@" not in url
            if parts is None or parts.scheme not in ("http", "https") or not is_origin:
                raise ValueError("write an address like https://gateway.example.com, without a path")
        return url

    @model_validator(mode="after")
    def _backends_can_be_built(self) -> Self:
        if len(set(self.backend)) < len(self.backend):
            raise ValueError("GATEWAY_BACKEND must not name a backend twice")
        if "remote" in self.backend and not self.remote.endpoints:
            raise ValueError(
                "GATEWAY_BACKEND=remote needs GATEWAY_REMOTE__ENDPOINTS, such as "
                '[{"url": "http://engine:8000"}]'
            )
        recordings, names_model = self.remote.recordings, self.speech_recognition_model is not None
        if recordings == "speech_recognition_model" and not names_model:
            raise ValueError(
                "GATEWAY_REMOTE__RECORDINGS=speech_recognition_model needs GATEWAY_SPEECH_RECOGNITION_MODEL"
            )
        if self.remote.transcription_endpoints and recordings not in ("auto", "transcriptions"):
            raise ValueError(
                f"GATEWAY_REMOTE__RECORDINGS={recordings} does not use "
                "GATEWAY_REMOTE__TRANSCRIPTION_ENDPOINTS; leave one of them out"
            )
        return self

    @model_validator(mode="after")
    def _processes_are_one_gateway(self) -> Self:
        if self.processes == 1:
            return self
        if "in_process" in self.backend:
            raise ValueError(
                f"GATEWAY_PROCESSES={self.processes} needs GATEWAY_BACKEND=remote: with in_process, each "
                "process would load the model. One process serves all GPUs"
            )
        if self.redis_url is None:
            raise ValueError(
                f"GATEWAY_PROCESSES={self.processes} needs GATEWAY_REDIS_URL: without Redis, each process "
                "would apply limits by itself, and streams could be resumed at one of them only"
            )
        return self

    @model_validator(mode="after")
    def _production_has_its_secrets(self) -> Self:
        if self.env == "development":
            return self
        if self.auth.keys_dir is None:
            raise ValueError("GATEWAY_AUTH__KEYS_DIR must be set in production: a directory of signing keys")
        if "scripted" in self.backend:
            raise ValueError("GATEWAY_BACKEND=scripted is for tests; production needs a real backend")
        for name, url in (("database_url", self.database_url), ("redis_url", self.redis_url)):
            if url is not None and not _has_strong_password(name, url):
                raise ValueError(
                    f"the password in GATEWAY_{name.upper()} is missing, short or easy to guess; give it a "
                    "long random one, such as `openssl rand -hex 24` prints"
                )
        if any(map(covers_internet, self.parsed_metrics_networks)):
            raise ValueError(
                "GATEWAY_METRICS_NETWORKS must not let everyone read /metrics in production; list the "
                "addresses of Prometheus, or give it a token with scope ops"
            )
        return self

    @property
    def parsed_metrics_networks(self) -> tuple[Network, ...]:
        return parse_networks(self.metrics_networks)

    @property
    def serves_embedded_model(self) -> bool:
        return self.backend[0] == "in_process" and self.model is None

    @property
    def allows_every_origin(self) -> bool:
        return self.cors_origins == (_ALL_ORIGINS,)

    @property
    def trusted_proxies(self) -> str | list[str]:
        """As uvicorn accepts them: `*` or networks."""
        if self.forwarded_allow_ips.strip() == _ALL_CLIENTS:
            return _ALL_CLIENTS
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
    """Names in the environment and `.env` that begin like settings but are none."""
    known = set()
    for name, field in Settings.model_fields.items():
        known.add(f"GATEWAY_{name}".upper())
        if isinstance(field.annotation, type) and issubclass(field.annotation, _Section):
            known |= {f"GATEWAY_{name}__{part}".upper() for part in field.annotation.model_fields}
    given = {*EnvSettingsSource(Settings).env_vars, *DotEnvSettingsSource(Settings).env_vars}
    return sorted({name.upper() for name in given if name.upper().startswith("GATEWAY_")} - known)


def _is_web_origin(text: str) -> bool:
    has_default_port = any(text.startswith(scheme) and text.endswith(port) for scheme, port in _DEFAULT_PORTS)
    return text == _OPAQUE_ORIGIN or (_WEB_ORIGIN.fullmatch(text) is not None and not has_default_port)


def _items(text: str) -> list[str]:
    return [item.strip() for item in text.split(",") if item.strip()]


def _split(url: str) -> SplitResult | None:
    """None if it is not a URL, since the messages of urllib's errors quote it."""
    try:
        parts = urlsplit(url)
        has_port = parts.port != 0
    except ValueError:
        return None
    return parts if parts.hostname and has_port else None


def _read_server_url(name: str, url: SecretStr) -> "ServerURL":
    from app.server_urls import read_database_url, read_redis_url  # its docstring says why here

    read = read_database_url if name == "database_url" else read_redis_url
    return read(url.get_secret_value())


def _has_strong_password(name: str, url: SecretStr) -> bool:
    from app.secret_strength import is_strong  # likewise

    read = _read_server_url(name, url)
    return not read.needs_password or is_strong(read.password, read.context)
