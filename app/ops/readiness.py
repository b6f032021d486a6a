"""Whether this gateway can serve now: one word per part, without hosts, paths or reasons.

Reads what the parts know already, so that a probe costs nothing and a flood of probes no more.
"""

from dataclasses import dataclass
from typing import Literal

from app.services import Services

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


def readiness_of(services: Services) -> Readiness:
    return Readiness(
        model=_model_state(services),
        # Valid tokens keep working and usage is put aside: nobody needs to be sent elsewhere.
        database=_database_state(services),
        limiter=_limiter_state(services),
        # It is kept in memory, and a bound on that is all that a longer outage of the disk can reach.
        usage="degraded" if services.usage_writer.is_file_failing else "ready",
        # Texts need no decoding.
        media="ready" if services.media.posture is not None else "degraded",
    )


def _model_state(services: Services) -> State:
    status = services.backend.status()
    if not status.is_ready:
        return "unavailable"
    workers = (*status.workers, *status.speech_workers)
    return "ready" if all(worker.healthy for worker in workers) else "degraded"


def _database_state(services: Services) -> State:
    """A full disk lets it be read and not written."""
    is_away = services.account_changes.is_database_away or services.usage_writer.is_database_away
    return "degraded" if is_away else "ready"


def _limiter_state(services: Services) -> State:
    if not services.limiter.is_degraded:
        return "ready"
    refuses = services.settings.limits.when_redis_is_away == "refuse"
    return "unavailable" if refuses else "degraded"
