"""Examines each part that the settings name. Changes nothing: makes no key, file or table."""

import logging
import os
import ssl
import stat
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final, Literal
from urllib.parse import urlsplit

import httpx
from redis.asyncio import Redis
from redis.exceptions import RedisError
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from app.auth.keys_of_gateways import missing_keys, sentence_of_missing
from app.auth.signing_keys import InvalidSigningKeys, SigningKeys, load_signing_keys
from app.cli.environment import describe_database
from app.errors import DatabaseUnavailable
from app.lifespan import backend_config, remote_config
from app.media.decoding import MediaDecoder
from app.media.sandbox.confinement import NO_POSTURE
from app.media.sandbox.sandbox import SandboxUnavailable
from app.ops.exposure import exposures
from app.persistence.database import Database, sqlite_path
from app.persistence.migrations import is_up_to_date
from app.settings import Settings, unknown_variables
from app.telemetry.build import TELEMETRY_PACKAGES
from inference import (
    EngineConfig,
    InferenceError,
    check_engine,
    check_remote_engines,
    check_speech_recognition_model,
    recordings_of,
)

State = Literal["ok", "warning", "wrong"]
REDIS_SECONDS: Final = 2.0
COLLECTOR_SECONDS: Final = 2.0
LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
MADE_AT_START: Final = "is made at the first start"
_RECORDINGS: Final = {
    "none": "not configured: recordings are refused; docs/remote.md has the choices",
    "input_audio": "not configured: recordings go to the engines themselves",
    "transcriptions": "recordings go to /v1/audio/transcriptions of engines",
}
_REASONS: Final = {
    "ConnectionRefusedError": "nothing listens there",
    "gaierror": "there is no host with that name",
    "TimeoutError": "it does not respond in time",
    "InvalidPasswordError": "the user or password is refused",
    "InvalidAuthorizationSpecificationError": "the user or password is refused",
    "InvalidCatalogNameError": "there is no database with that name; create it",
    "PermissionError": "permission is denied",
    "AuthenticationError": "the user or password is refused",
}


@dataclass(frozen=True, slots=True)
class Finding:
    part: str
    state: State
    what: str


async def examine(settings: Settings) -> list[Finding]:
    return [
        _settings(settings),
        _variables(),
        _proxies(settings),
        _metrics(settings),
        _cross_origin(settings),
        _data_directory(settings),
        await _database(settings),
        await _signing_keys(settings),
        await _redis(settings),
        await _media(settings),
        _model(settings),
        *await _remote_engines(settings),
        _speech_recognition(settings),
        await _telemetry(settings),
    ]


def _settings(settings: Settings) -> Finding:
    if settings.env == "development":
        return Finding(
            "settings", "ok", "development: keys and tables are made at start; not for the internet"
        )
    return Finding("settings", "ok", "production")


def _variables() -> Finding:
    unknown = unknown_variables()
    if unknown:
        return Finding("variables", "warning", f"{', '.join(unknown)}: no setting has that name")
    return Finding("variables", "ok", "every GATEWAY_ name is known")


def _proxies(settings: Settings) -> Finding:
    for part, sentence in exposures(settings):
        if part == "proxies":
            return Finding(part, "warning", sentence)
    return Finding(
        "proxies", "ok", f"addresses given by {settings.forwarded_allow_ips or 'no proxy'} are trusted"
    )


def _metrics(settings: Settings) -> Finding:
    for part, sentence in exposures(settings):
        if part == "metrics":
            return Finding(part, "warning", sentence)
    readers = ", ".join(settings.metrics_networks) or "no address"
    return Finding(
        "metrics", "ok", f"{readers} may read /metrics without a token, when no proxy forwards the request"
    )


def _cross_origin(settings: Settings) -> Finding:
    for part, sentence in exposures(settings):
        if part == "web pages":
            return Finding(part, "warning", sentence)
    origins = ", ".join(settings.cors_origins) or "no other origin"
    return Finding("web pages", "ok", f"{origins} may call the gateway from a browser")


def _data_directory(settings: Settings) -> Finding:
    path = settings.data_dir
    existing = next(parent for parent in (path.absolute(), *path.absolute().parents) if parent.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        return Finding("data directory", "wrong", f"{path} cannot be written; set GATEWAY_DATA_DIR")
    if not path.exists():
        return Finding("data directory", "ok", f"{path} {MADE_AT_START}")
    if path.stat().st_mode & stat.S_IRWXO:
        return Finding(
            "data directory", "warning", f"{path} is open to every user of this machine; chmod it to 0700"
        )
    return Finding("data directory", "ok", str(path))


async def _database(settings: Settings) -> Finding:
    where, url = describe_database(settings), settings.effective_database_url
    path = sqlite_path(make_url(url))
    if path is not None and not path.exists():
        if settings.env == "development":
            return Finding("database", "ok", f"{where} {MADE_AT_START}")
        return Finding("database", "wrong", f"{where} does not exist; run `gateway db upgrade`")
    database = Database(url)
    try:
        if await is_up_to_date(database):
            return Finding("database", "ok", f"{where}, tables of this version")
        return Finding(
            "database", "wrong", f"{where} has the tables of another version; run `gateway db upgrade`"
        )
    except (DatabaseUnavailable, SQLAlchemyError) as error:
        return Finding("database", "wrong", f"{where}: {_reason(error)}")
    finally:
        await database.aclose()


async def _signing_keys(settings: Settings) -> Finding:
    directory = settings.keys_dir
    if settings.env == "development" and not any(directory.glob("*.json")):
        return Finding("signing keys", "ok", f"one {MADE_AT_START}, in {directory}")
    try:
        keys = load_signing_keys(settings)
        what = f"{len(keys.verifying())} in {directory}, {keys.signer().key_id} signs"
    except InvalidSigningKeys as error:
        return Finding("signing keys", "wrong", str(error))
    missing = await _missing_keys(settings, keys)
    if missing:
        return Finding("signing keys", "wrong", sentence_of_missing(missing, directory))
    return Finding("signing keys", "ok", what)


async def _missing_keys(settings: Settings, keys: SigningKeys) -> list[str]:
    """Of other gateways that run. None if the database cannot say, which is a finding of its own."""
    url = settings.effective_database_url
    path = sqlite_path(make_url(url))
    if path is not None and not path.exists():
        return []
    database = Database(url)
    try:
        async with database.session(read_only=True) as db_session:
            return await missing_keys(db_session, keys)
    except (DatabaseUnavailable, SQLAlchemyError):
        return []
    finally:
        await database.aclose()


async def _redis(settings: Settings) -> Finding:
    if settings.redis_url is None:
        return Finding("redis", "ok", "not configured: limits are kept by this process alone")
    url = settings.redis_url.get_secret_value()
    parts = urlsplit(url)
    where = f"{parts.hostname or 'localhost'}:{parts.port or 6379}"
    try:
        async with Redis.from_url(
            url, socket_timeout=REDIS_SECONDS, socket_connect_timeout=REDIS_SECONDS
        ) as client:
            await client.ping()
    except (RedisError, OSError) as error:
        return Finding("redis", "wrong", f"{where}: {_reason(error)}")
    return Finding("redis", "ok", where)


async def _media(settings: Settings) -> Finding:
    """Starts the processes that decode media, and ends them again."""
    decoder = MediaDecoder(settings.media)
    try:
        await decoder.start()
        await decoder.wait_until_ready()
        posture = decoder.posture or NO_POSTURE
    except SandboxUnavailable as error:
        return Finding("media", "wrong", str(error))
    finally:
        await decoder.aclose()
    held = [layer for layer, holds in asdict(posture).items() if holds]
    if posture.is_full:
        return Finding("media", "ok", f"decoded in separate processes, confined by {', '.join(held)}")
    missing = [layer for layer in asdict(posture) if layer not in held]
    return Finding(
        "media",
        "warning",
        f"decoded in separate processes, without {' and '.join(missing)}: this system does not have them",
    )


def _model(settings: Settings) -> Finding:
    if "scripted" in settings.backend:
        return Finding("model", "warning", "scripted: fixed replies, no model")
    if "in_process" not in settings.backend:
        return Finding("model", "ok", "not loaded here: GATEWAY_REMOTE__ENDPOINTS serve it")
    if find_spec("torch") is None:
        return Finding("model", "wrong", "PyTorch is not installed; install autoglm-gateway[inference]")
    name = settings.model or EngineConfig().model
    if settings.model is None and not Path(name).is_dir():
        return Finding("model", "wrong", "the embedded model is missing; install the package again")
    try:
        check_engine(EngineConfig(model=name, devices=settings.devices, placement=settings.placement))
    except InferenceError as error:
        return Finding("model", "wrong", str(error))
    where = "" if Path(name).exists() else ", from the hub,"
    how = "split over" if settings.placement == "split" else "on"
    return Finding("model", "ok", f"{name}{where} {how} {', '.join(settings.devices)}")


async def _remote_engines(settings: Settings) -> list[Finding]:
    """One for each engine; none if the settings do not use them."""
    if "remote" not in settings.backend:
        return []
    config = remote_config(settings)
    logging.getLogger("inference.backends.remote").addHandler(logging.NullHandler())  # findings say the same
    try:
        engines = await check_remote_engines(config)
    except OSError:
        return [Finding("engines", "wrong", "GATEWAY_REMOTE__CA_FILE has no usable certificate")]
    findings = []
    for each in engines:
        state: State = "ok" if each.doubt is None else "warning"
        what = each.model if each.doubt is None else f"{each.doubt}; a request for it succeeds"
        if each.fault is not None:
            state, what = "wrong", each.fault
        findings.append(Finding("engine", state, f"{each.url}: {what}"))
    for endpoint in (*config.endpoints, *config.transcribers):
        parts = urlsplit(endpoint.url)
        is_secret = endpoint.key is not None or endpoint.headers or endpoint.query
        if is_secret and parts.scheme == "http" and parts.hostname not in LOOPBACK:
            where = f"{parts.scheme}://{parts.netloc}"
            findings.append(
                Finding("engine", "warning", f"its secrets are sent to {where} unencrypted; use https")
            )
    return findings


def _speech_recognition(settings: Settings) -> Finding:
    name = settings.speech_recognition_model
    if settings.backend == ("remote",):
        where = recordings_of(backend_config(settings))
        if where != "speech_recognition_model":
            return Finding("speech recognition", "ok", _RECORDINGS[where])
    if name is None:
        return Finding("speech recognition", "ok", "not configured: recordings go to the model itself")
    if "scripted" in settings.backend or find_spec("torch") is None:
        return Finding("speech recognition", "warning", f"{name} is not checked")
    try:
        check_speech_recognition_model(name)
    except InferenceError as error:
        return Finding("speech recognition", "wrong", str(error))
    return Finding("speech recognition", "ok", name)


async def _telemetry(settings: Settings) -> Finding:
    """Sends the collector a message with no spans in it."""
    telemetry = settings.telemetry
    if telemetry.endpoint is None:
        return Finding("telemetry", "ok", "nothing is sent; /metrics is still served")
    missing = [name for name in TELEMETRY_PACKAGES if find_spec(name) is None]
    if missing:
        return Finding("telemetry", "wrong", f"{missing[0]} is not installed; install autoglm-gateway[otel]")
    parts = urlsplit(telemetry.endpoint)
    where = f"{parts.scheme}://{parts.netloc}"  # its path may be a secret
    if telemetry.headers is not None and parts.scheme == "http" and parts.hostname not in LOOPBACK:
        return Finding("telemetry", "warning", f"secret headers are sent to {where} unencrypted; use https")
    try:
        context = ssl.create_default_context(cafile=telemetry.ca_file)
    except OSError:
        return Finding("telemetry", "wrong", "GATEWAY_TELEMETRY__CA_FILE has no usable certificate")
    try:
        # As the exporter: no proxy of the environment sees the headers.
        async with httpx.AsyncClient(timeout=COLLECTOR_SECONDS, verify=context, trust_env=False) as client:
            response = await client.post(
                f"{telemetry.endpoint.rstrip('/')}/v1/traces",
                content=b"",
                headers={**(telemetry.header_values or {}), "Content-Type": "application/x-protobuf"},
            )
    except httpx.TimeoutException:
        return Finding("telemetry", "warning", f"{where}: {_REASONS['TimeoutError']}")
    except httpx.TransportError:
        return Finding("telemetry", "warning", f"{where} cannot be reached")
    if response.status_code in (401, 403):
        return Finding("telemetry", "wrong", f"{where} refuses the headers of GATEWAY_TELEMETRY__HEADERS")
    if not response.is_success:  # a redirect is not followed
        return Finding("telemetry", "warning", f"{where} responds with {response.status_code}")
    return Finding("telemetry", "ok", f"traces and metrics go to {where}")


def _reason(error: BaseException) -> str:
    cause: BaseException | None = error
    while cause is not None:
        error = cause
        if reason := _REASONS.get(type(error).__name__):
            return reason
        cause = error.__cause__ or error.__context__  # Redis's client raises its errors without a cause
    return f"cannot be used ({type(error).__name__})"
