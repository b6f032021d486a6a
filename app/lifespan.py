"""Opens everything that lives as long as the process, and closes it in reverse order.

In development it migrates the database and makes keys; in production both must exist.
"""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from fastapi import FastAPI
from pydantic import SecretStr

from app.auth.access_tokens import AccessTokens
from app.auth.account_changes import AccountChanges
from app.auth.keys_of_gateways import KeysOfGateways
from app.auth.signing_keys import load_signing_keys
from app.errors import DatabaseUnavailable
from app.http.running_calls import RunningCalls
from app.http.services import Services
from app.http.single_runs import SingleRuns
from app.idempotency.keys import IdempotencyKeys
from app.limits.addresses import AddressLimiter
from app.limits.admission_queue import AdmissionQueue
from app.limits.build import build_limiter
from app.limits.daily_tokens import TokensUsedToday
from app.limits.upload_slots import UploadSlots
from app.media.decoding import MediaDecoder
from app.media.sandbox.processes import Launch
from app.memory_budget import MemoryBudget
from app.ops.dashboard import Dashboard
from app.ops.exposure import exposures
from app.ops.history import History
from app.ops.idempotency_metrics import IdempotencyMetrics
from app.ops.logging import configure_logging
from app.ops.media_metrics import MediaMetrics
from app.ops.memory_metrics import MemoryMetrics
from app.ops.metrics import Metrics
from app.ops.readiness import ReadinessCheck
from app.ops.report_publisher import ReportPublisher
from app.ops.shared_reports import SharedReports
from app.ops.stream_metrics import StreamMetrics
from app.persistence.database import Database
from app.persistence.migrations import is_up_to_date, upgrade_database
from app.persistence.usage import tokens_used_on
from app.persistence.usage_writer import UsageWriter
from app.redis.shared_redis import SharedRedis
from app.settings import RemoteEndpointSettings, Settings, StreamSettings
from app.streams.bounds import StreamBounds
from app.streams.recordings import Keeping, Recordings
from app.telemetry.build import build_telemetry
from inference import (
    BackendConfig,
    EngineConfig,
    RemoteConfig,
    RemoteEndpoint,
    ScriptedConfig,
    build_backend,
)

logger = logging.getLogger(__name__)

BODY_TURNS: Final = 8  # slices of some hundred microseconds; then all other work runs


class OutdatedDatabase(Exception):
    """The database is missing this version's tables. The message names the command to run."""


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Raises `InvalidSigningKeys`, `InvalidCheckpoint`, `DatabaseUnavailable`, `OutdatedDatabase`,
    `SandboxUnavailable`.
    """
    settings: Settings = app.state.settings
    configure_logging(settings.log_level)
    for _, sentence in exposures(settings):
        logger.warning(sentence)
    async with AsyncExitStack() as stack:
        name = getattr(app.state, "gateway_name", socket.gethostname())
        launch = app.state.launch_fork_server
        app.state.services = await open_services(settings, stack, app.version, name, launch)
        yield


async def open_services(
    settings: Settings, stack: AsyncExitStack, version: str, name: str, launch: Launch
) -> Services:
    """`stack` closes everything, the last opened first. `name` tells this gateway from others at /ops."""
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    signing_keys = load_signing_keys(settings)
    database = await _open_database(settings, stack)
    account_changes = AccountChanges(database, signing_keys, settings.auth.revocation_poll_seconds)
    await account_changes.start()
    stack.push_async_callback(account_changes.aclose)
    keys_of_gateways = KeysOfGateways(database, signing_keys, settings.keys_dir)
    await keys_of_gateways.start()
    stack.push_async_callback(keys_of_gateways.aclose)
    running_calls = RunningCalls()
    account_changes.subscribe(lambda: running_calls.end_revoked(account_changes.is_revoked))
    access_tokens = AccessTokens(signing_keys, account_changes, settings.auth)

    redis = SharedRedis.open(settings.redis_url.get_secret_value()) if settings.redis_url else None
    if redis is not None:
        stack.push_async_callback(redis.aclose)
        await redis.connect()
    usage_writer = UsageWriter(database, settings.data_dir / "usage-spool.jsonl")
    await usage_writer.start()
    stack.push_async_callback(usage_writer.aclose)
    limiter = build_limiter(
        redis,
        settings.limits.when_redis_is_away,
        _tokens_used_today(database, account_changes),
        store_usage=usage_writer.store_all,
    )
    stack.push_async_callback(limiter.aclose)
    address_limiter = AddressLimiter(settings.limits.auth_attempts_per_minute, redis)
    stack.push_async_callback(address_limiter.aclose)

    media = MediaDecoder(settings.media, launch=launch)
    stack.push_async_callback(media.aclose)
    await media.start()  # it imports its decoders while the model is loaded
    backend = build_backend(backend_config(settings))
    stack.push_async_callback(backend.aclose, settings.drain_seconds)
    await backend.start()
    await media.wait_until_ready()
    metrics = Metrics(backend, limiter, usage_writer, version, settings.metrics_users)
    memory_budget = MemoryBudget(
        settings.memory_budget_bytes, settings.spool_bytes, stream_bytes=settings.streams.max_bytes
    )
    recordings = _open_recordings(settings.streams, memory_budget, redis)
    stack.push_async_callback(recordings.aclose)
    idempotency_keys = IdempotencyKeys(database, settings.idempotency)
    await idempotency_keys.start()
    stack.push_async_callback(idempotency_keys.aclose)
    metrics.register(IdempotencyMetrics(idempotency_keys))
    metrics.register(MemoryMetrics(memory_budget))
    metrics.register(MediaMetrics(media))
    metrics.register(StreamMetrics(recordings))
    telemetry = build_telemetry(settings.telemetry, metrics, version)
    if telemetry is not None:
        metrics.register(telemetry)
        telemetry.start()
        stack.push_async_callback(telemetry.aclose)
    history = History(backend)
    await history.start()
    stack.push_async_callback(history.aclose)
    readiness = ReadinessCheck(
        backend,
        account_changes,
        usage_writer,
        limiter,
        media,
        is_unavailable_without_redis=settings.limits.when_redis_is_away == "refuse",
    )
    shared_reports = None if redis is None else SharedReports(redis)
    dashboard = Dashboard(
        history,
        readiness,
        backend,
        media,
        settings.ops,
        max_in_flight=settings.limits.max_in_flight,
        name=name,
        shared=shared_reports,
    )
    if shared_reports is not None:
        reports = ReportPublisher(dashboard, history, shared_reports)
        await reports.start()
        stack.push_async_callback(reports.aclose)
    return Services(
        settings=settings,
        backend=backend,
        database=database,
        signing_keys=signing_keys,
        access_tokens=access_tokens,
        account_changes=account_changes,
        running_calls=running_calls,
        address_limiter=address_limiter,
        limiter=limiter,
        admission_queue=AdmissionQueue(settings.limits.max_in_flight),
        memory_budget=memory_budget,
        body_turns=asyncio.Semaphore(BODY_TURNS),
        media=media,
        recordings=recordings,
        single_runs=SingleRuns(idempotency_keys),
        upload_slots=UploadSlots(),
        usage_writer=usage_writer,
        metrics=metrics,
        telemetry=telemetry,
        history=history,
        readiness=readiness,
        dashboard=dashboard,
    )


def backend_config(settings: Settings) -> BackendConfig:
    engine = EngineConfig(
        devices=settings.devices,
        placement=settings.placement,
        workers=settings.workers,
        quantization=settings.quantization,
        model_name=settings.model_name,
        speech_recognition_model=settings.speech_recognition_model,
        **settings.engine.model_dump(),
    )
    if settings.model is not None:
        engine = replace(engine, model=settings.model)
    scripted = ScriptedConfig(
        settings.scripted.reply, settings.scripted.step_seconds, replies=settings.scripted.replies
    )
    if settings.model_name is not None:
        scripted = replace(scripted, model_name=settings.model_name)
    return BackendConfig(settings.backend, engine, scripted, remote_config(settings))


def remote_config(settings: Settings) -> RemoteConfig:
    remote = settings.remote
    return RemoteConfig(
        endpoints=tuple(_endpoint(each, remote.key) for each in remote.endpoints),
        abilities=frozenset(remote.abilities),
        recordings=remote.recordings,
        transcribers=tuple(_endpoint(each, remote.key) for each in remote.transcription_endpoints),
        picture_format=remote.picture_format,
        starts_in_thought=remote.starts_in_thought,
        context_length=remote.context_length,
        model_name=settings.model_name,
        max_outstanding=remote.max_outstanding,
        health_seconds=remote.health_seconds,
        ca_file=None if remote.ca_file is None else str(remote.ca_file),
    )


def _endpoint(endpoint: RemoteEndpointSettings, common_key: SecretStr | None) -> RemoteEndpoint:
    key = endpoint.key or common_key
    return RemoteEndpoint(
        endpoint.url,
        None if key is None else key.get_secret_value(),
        endpoint.model,
        {name: value.get_secret_value() for name, value in endpoint.headers.items()},
        endpoint.query.get_secret_value(),
    )


def _open_recordings(settings: StreamSettings, budget: MemoryBudget, redis: SharedRedis | None) -> Recordings:
    bounds = StreamBounds(budget.streams, settings.max_stream_bytes, settings.max_user_bytes)
    return Recordings(bounds, Keeping(settings.unread_seconds, settings.kept_seconds), redis)


async def _open_database(settings: Settings, stack: AsyncExitStack) -> Database:
    url = settings.effective_database_url
    if settings.env == "development":
        await upgrade_database(url)
    database = Database(url)
    stack.push_async_callback(database.aclose)
    if not await is_up_to_date(database):
        raise OutdatedDatabase("The database is not at this version's migration; run `gateway db upgrade`.")
    return database


def _tokens_used_today(database: Database, account_changes: AccountChanges) -> TokensUsedToday:
    async def read(user_id: str) -> int:
        if account_changes.is_database_unavailable:
            raise DatabaseUnavailable  # known already: the request need not wait to find out
        async with database.session(read_only=True) as db_session:
            return await tokens_used_on(db_session, user_id, datetime.now(UTC).date())

    return read
