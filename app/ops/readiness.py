"""Whether this gateway can serve now: one word per part, without hosts, paths or reasons.

Reads what the parts know already, so that a probe costs nothing and a flood of probes no more.
"""

from dataclasses import dataclass
from typing import Literal

from app.auth.account_changes import AccountChanges
from app.limits.limiter import Limiter
from app.media.decoding import MediaDecoder
from app.persistence.usage_writer import UsageWriter
from inference import Backend

State = Literal["ready", "degraded", "unavailable"]


@dataclass(frozen=True, slots=True)
class Readiness:
    """`degraded`: it serves, with less than it should have."""

    model: State
    database: State
    limiter: State
    usage: State
    media: State

    @property
    def overall(self) -> State:
        states = (self.model, self.database, self.limiter, self.usage, self.media)
        if "unavailable" in states:
            return "unavailable"
        return "degraded" if "degraded" in states else "ready"


class ReadinessCheck:
    """Asks the parts of the gateway for their state. Created by `app/lifespan.py`."""

    def __init__(
        self,
        backend: Backend,
        account_changes: AccountChanges,
        usage_writer: UsageWriter,
        limiter: Limiter,
        media: MediaDecoder,
        *,
        is_unavailable_without_redis: bool,
    ) -> None:
        self._backend = backend
        self._account_changes = account_changes
        self._usage_writer = usage_writer
        self._limiter = limiter
        self._media = media
        self._is_unavailable_without_redis = is_unavailable_without_redis

    def now(self) -> Readiness:
        return Readiness(
            model=self._model_state(),
            database=self._database_state(),
            limiter=self._limiter_state(),
            # Usage is kept in memory, up to a bound that only a long outage of the disk reaches.
            usage="degraded" if self._usage_writer.is_file_failing else "ready",
            # Text needs no decoding.
            media="ready" if self._media.posture is not None else "degraded",
        )

    def _model_state(self) -> State:
        status = self._backend.status()
        if not status.is_ready:
            return "unavailable"
        workers = (*status.workers, *status.speech_workers)
        return "ready" if all(worker.healthy for worker in workers) else "degraded"

    def _database_state(self) -> State:
        """Never unavailable: valid tokens keep working, and usage is put aside."""
        # A full disk lets the database be read and not written.
        is_unavailable = (
            self._account_changes.is_database_unavailable or self._usage_writer.is_database_unavailable
        )
        return "degraded" if is_unavailable else "ready"

    def _limiter_state(self) -> State:
        if not self._limiter.is_degraded:
            return "ready"
        return "unavailable" if self._is_unavailable_without_redis else "degraded"
