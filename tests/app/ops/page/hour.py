"""An invented hour of a gateway with two GPUs, through the interfaces of a real one."""

import dataclasses
import math
import random
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from app.auth.token_issuer import NewTokens, TokenIssuer
from app.auth.token_revocation import revoke_token
from app.http.services import Services
from app.main import create_app
from app.ops.dashboard import Dashboard
from app.ops.history import HOUR_SECONDS, SAMPLE_SECONDS, History
from app.ops.readiness import ReadinessCheck
from app.persistence.tables import UserRow
from app.record.request_record import Outcome, RequestRecord
from app.settings import Settings
from inference import BackendStatus, DeviceLoad, ModelCard, WorkerStatus
from tests.app.gateway import Gateway, connected_gateway

GIB = 2**30
DEVICE_BYTES = 24 * GIB
KV_BLOCKS = 4096
USERS = {"kiosk-lobby": 2.2, "ios-beta": 1.0, "android-beta": 1.1, "field-test": 1.5, "alice": 0.8}
REFUSALS = (
    *("rate_limit_exceeded",) * 9,
    *("concurrency_limit_exceeded",) * 4,
    *("token_expired",) * 3,
    "invalid_image",
)
STATUS_OF_REFUSAL = {"token_expired": 401, "invalid_image": 422}


class TwoGpus:
    """In place of the backend: reports what a real one would; generates nothing."""

    model_card = ModelCard("AutoGLM-Phone-9B", 25_480, frozenset({"text", "image", "audio"}))

    def __init__(self, *, is_second_healthy: bool = True) -> None:
        self.load = (0.0, 0.0)  # 0 to 1
        self.waiting = 0
        self.is_second_healthy = is_second_healthy

    def status(self) -> BackendStatus:
        return BackendStatus(tuple(self._workers()))

    def _workers(self) -> Iterator[WorkerStatus]:
        for index, load in enumerate(self.load):
            healthy = index == 0 or self.is_second_healthy
            kv_used = round(load * KV_BLOCKS)
            waiting = self.waiting if index == 0 else 0
            yield WorkerStatus(
                str(index), f"cuda:{index}", healthy, round(load * 16), waiting, kv_used, KV_BLOCKS
            )

    def device_loads(self) -> tuple[DeviceLoad, ...]:
        return tuple(
            DeviceLoad(
                str(index), f"cuda:{index}", round((19.2 + 2.4 * load) * GIB), DEVICE_BYTES, min(1, 2 * load)
            )
            for index, load in enumerate(self.load)
        )


class Hour:
    """Fills a history. `ttft_factor` slows the last five minutes down."""

    def __init__(self, backend: TwoGpus, ttft_factor: float = 1.0) -> None:
        self.now = time.time() - HOUR_SECONDS
        self.history = History(backend, clock=lambda: self.now)
        self._backend = backend
        self._source = random.Random(7)
        self._ttft_factor = ttft_factor

    def pass_by(self) -> History:
        steps = round(HOUR_SECONDS / SAMPLE_SECONDS)
        for step in range(steps):
            self._step(step / steps)
        return self.history

    def _step(self, progress: float) -> None:
        source = self._source
        wave = 0.55 + 0.25 * math.sin(9 * progress) + 0.12 * math.sin(41 * progress)
        rush = 0.5 * math.exp(-(((progress - 0.62) / 0.05) ** 2))
        busy = max(0.02, wave + rush + source.gauss(0, 0.03))
        first, second = min(0.97, 0.55 * busy), min(0.97, 0.5 * busy + source.gauss(0, 0.015))
        self._backend.load = (first, second if self._backend.is_second_healthy else 0.0)
        self._backend.waiting = max(0, round(30 * (busy - 1) + source.gauss(0, 0.6)))
        factor = self._ttft_factor if progress > 0.93 else 1.0
        for _ in range(round(20 * busy + source.random())):
            self._generation(busy, factor)
        if source.random() < 0.04 + rush * 0.3:
            self._refusal()
        self.history.output_tokens += round(20 * busy * 61 + source.gauss(0, 40))
        self.now += SAMPLE_SECONDS
        self.history.take_sample()

    def _generation(self, busy: float, factor: float) -> None:
        source = self._source
        name, slowness = source.choice(tuple(USERS.items()))
        record = RequestRecord(
            "req_1", user_id=f"usr_{name}", route_generates=True, status=200, completion_tokens=61
        )
        seconds = 0.28 * slowness * (0.6 + busy**2) * source.lognormvariate(0, 0.3) * factor
        record.first_output_at = record.started_at + seconds
        record.last_output_at = record.first_output_at + 60 / (52 - 14 * busy + source.gauss(0, 2))
        is_late = source.random() < 0.001
        self.history.observe(record, "deadline" if is_late else "ok")

    def _refusal(self) -> None:
        code = self._source.choice(REFUSALS)
        user_id = None if code == "token_expired" else "usr_kiosk-lobby"
        record = RequestRecord("req_1", user_id=user_id, route_generates=True, error_code=code)
        record.status = STATUS_OF_REFUSAL.get(code, 429)
        outcome: Outcome = "refused"
        self.history.observe(record, outcome)


@asynccontextmanager
async def gateway_after_an_hour(
    directory: Path, *, backend: TwoGpus | None = None, ttft_factor: float = 1.0
) -> AsyncIterator[Gateway]:
    """A whole gateway whose page shows the invented hour, with users of those names."""
    backend = backend or TwoGpus()
    settings: dict[str, Any] = {"data_dir": directory, "backend": "scripted", "drain_seconds": 1}
    app = create_app(Settings(_env_file=None, **settings))
    async with app.router.lifespan_context(app):
        app.state.services = _with_hour(app.state.services, backend, Hour(backend, ttft_factor).pass_by())
        async with connected_gateway(app) as gateway:
            await _add_users(gateway)
            yield gateway


def _with_hour(services: Services, backend: TwoGpus, history: History) -> Services:
    readiness = ReadinessCheck(
        backend,
        services.account_changes,
        services.usage_writer,
        services.limiter,
        services.media,
        is_unavailable_without_redis=False,
    )
    dashboard = Dashboard(
        history,
        readiness,
        backend,
        services.media,
        services.settings.ops,
        max_in_flight=services.settings.limits.max_in_flight,
    )
    return dataclasses.replace(
        services, backend=backend, history=history, readiness=readiness, dashboard=dashboard
    )


async def _add_users(gateway: Gateway) -> None:
    """With limits and tokens of every kind."""
    notes = {"ios-beta": "TestFlight", "android-beta": "Play, internal testing", "kiosk-lobby": "two tablets"}
    limits = {"kiosk-lobby": {"requests_per_minute": 4}, "field-test": {"daily_tokens": 200_000}}
    services = gateway.services
    issuer = TokenIssuer(services.access_tokens, services.settings.auth)
    async with services.database.session() as db_session:
        for name in USERS:
            user = UserRow(id=f"usr_{name}", name=name, note=notes.get(name, ""), **limits.get(name, {}))
            db_session.add(user)
            await db_session.flush()
            for days, note in ((30, "build 214"), (7, "build 213")) if name == "ios-beta" else ():
                issued = await issuer.issue(
                    db_session, user, NewTokens(("chat", "vision", "speech"), timedelta(days=days), note=note)
                )
        await revoke_token(db_session, issued.token_id)
    await services.account_changes.refresh_now()
