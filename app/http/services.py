"""The long-lived things of one running gateway, opened and closed by `app/lifespan.py`."""

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.auth.access_tokens import AccessTokens
from app.auth.account_changes import AccountChanges
from app.auth.signing_keys import SigningKeys
from app.http.running_calls import RunningCalls
from app.http.single_runs import SingleRuns
from app.limits.addresses import AddressLimiter
from app.limits.admission_queue import AdmissionQueue
from app.limits.limiter import Limiter
from app.limits.upload_slots import UploadSlots
from app.media.decoding import MediaDecoder
from app.memory_budget import MemoryBudget
from app.ops.dashboard import Dashboard
from app.ops.history import History
from app.ops.metrics import Metrics
from app.ops.readiness import ReadinessCheck
from app.persistence.database import Database
from app.persistence.usage_writer import UsageWriter
from app.settings import Settings
from app.streams.recordings import Recordings
from inference import Backend

if TYPE_CHECKING:  # its HTTP client takes memory, and most gateways send nothing
    from app.telemetry.telemetry import Telemetry


@dataclass(frozen=True, slots=True)
class Services:
    settings: Settings
    backend: Backend
    database: Database
    signing_keys: SigningKeys
    access_tokens: AccessTokens
    account_changes: AccountChanges
    running_calls: RunningCalls
    address_limiter: AddressLimiter
    limiter: Limiter
    admission_queue: AdmissionQueue
    memory_budget: MemoryBudget
    body_turns: (
        asyncio.Semaphore
    )  # bodies of which a slice is worked on: without it, each of hundreds at once
    media: MediaDecoder
    recordings: Recordings
    single_runs: SingleRuns
    upload_slots: UploadSlots
    usage_writer: UsageWriter
    metrics: Metrics
    telemetry: "Telemetry | None"
    history: History
    readiness: ReadinessCheck
    dashboard: Dashboard
