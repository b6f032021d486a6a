"""What the page at /ops shows, as one JSON document: state now, and the samples it has not seen yet."""

import asyncio
import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from app import errors
from app.media.decoding import MediaDecoder
from app.media.sandbox.confinement import NO_POSTURE
from app.ops.history import MAX_SAMPLES, SAMPLE_SECONDS, History, Sample
from app.ops.readiness import ReadinessCheck
from app.ops.report import (
    CONTEXT_SECONDS,
    Heard,
    Report,
    merged_loads,
    merged_readiness,
    merged_samples,
    merged_sandbox,
    merged_slowest,
    merged_status,
    missing,
    serving,
)
from app.ops.shared_reports import ReportsUnavailable, SharedReports
from app.ops.status_line import (
    WINDOW_SECONDS,
    speed_level,
    status_line,
    success_level,
    ttft_level,
)
from app.ops.traffic import Measures, Traffic
from app.settings import OpsSettings
from inference import Backend, DeviceLoad, WorkerStatus

SLOWEST_USERS: Final = 8
REPORTED_USERS: Final = 32  # of each gateway, from which the slowest of all are taken
_DIGITS: Final = 4  # enough of a second or a rate

Document = dict[str, Any]  # Any: what JSON holds


@dataclass(frozen=True, slots=True)
class View:
    """What one request of the page shows. `heard` begins with this gateway; `are_others_known` is false if
    Redis did not respond."""

    heard: Sequence[Heard]
    samples: Sequence[Sample]
    are_others_known: bool
    slowest: Sequence[tuple[str, Traffic]]  # ids, and the last hour of each


class Dashboard:
    """Collects the document from the parts of the gateway, and from the reports of others that share its
    Redis. Created by `app/lifespan.py`."""

    def __init__(
        self,
        history: History,
        readiness: ReadinessCheck,
        backend: Backend,
        media: MediaDecoder,
        thresholds: OpsSettings,
        *,
        max_in_flight: int,
        name: str = "",
        shared: SharedReports | None = None,
    ) -> None:
        """`name` is where operators find this gateway: its machine and port. Without `shared` there are no
        others."""
        self._history = history
        self._readiness = readiness
        self._backend = backend
        self._media = media
        self._thresholds = thresholds
        self._max_in_flight = max_in_flight
        self._name = name
        self.shared = shared

    def report(self) -> Report:
        """This gateway now, for the others."""
        return Report(
            instance=self._history.instance,
            name=self._name,
            model=self._backend.model_card.name,
            max_in_flight=self._max_in_flight,
            readiness=self._readiness.now(),
            status=self._backend.status(),
            loads=self._history.loads,
            media_running=self._media.running,
            media_waiting=self._media.waiting,
            sandbox=self._media.posture or NO_POSTURE,
            recent=self._history.last(WINDOW_SECONDS),
            refusals=self._history.refusals(),
            slowest=tuple(self._history.users.slowest(REPORTED_USERS)),
        )

    async def view(self, after: float) -> View:
        """State now, and the samples later than `after` (Unix seconds)."""
        others: list[Heard] = []
        are_others_known = True
        if self.shared is not None:
            try:
                others = await self.shared.others(self._history.instance, after)
            except ReportsUnavailable:
                are_others_known = False
        own = Heard(self.report(), samples=self._history.samples_after(after - CONTEXT_SECONDS))
        heard = (own, *others)
        samples: Sequence[Sample] = [sample for sample in own.samples if sample.at > after]
        if others:  # two steps late, when all have published
            until = self._history.now() - 2 * SAMPLE_SECONDS
            samples = await asyncio.to_thread(merged_samples, heard, after, until)
        return View(heard, samples, are_others_known, merged_slowest(heard, SLOWEST_USERS))

    def document(self, view: View, names: Mapping[str, str]) -> Document:
        """`names` are those of the slowest users, as far as they are known."""
        reports = serving(view.heard)
        status, recent = merged_status(reports), Traffic.merged(report.recent for report in reports)
        are_missing = missing(view.heard)
        line = status_line(
            merged_readiness(reports),
            status,
            recent,
            self._thresholds,
            missing=[(one.report.name, one.seconds_ago) for one in are_missing],
        )
        loads = loads_by_worker(merged_loads(reports))
        return {
            "instance": _instance_of(view.heard),
            "sample_seconds": SAMPLE_SECONDS,
            "max_samples": MAX_SAMPLES,
            "model": self._backend.model_card.name,
            "status": {"level": line.level, "title": line.title, "sentence": line.sentence},
            "gateways": [self._gateway(one) for one in (*filter(_is_serving, view.heard), *are_missing)],
            "are_others_known": view.are_others_known,
            "measures": self._measures(recent)
            | {
                "running": status.running,
                "waiting": status.waiting,
                "max_in_flight": sum(report.max_in_flight for report in reports),
            },
            "media": {
                "running": sum(report.media_running for report in reports),
                "waiting": sum(report.media_waiting for report in reports),
                "sandbox": asdict(merged_sandbox(reports)),
            },
            "workers": [_worker(worker, loads.get(worker.worker)) for worker in status.workers],
            "refusals": list(_refusals(view.heard)),
            "slowest_users": [_user(user_id, hour, names) for user_id, hour in view.slowest],
            "samples": _columns(view.samples),
            "worker_samples": _worker_columns(view.samples, [worker.worker for worker in status.workers]),
        }

    def _gateway(self, one: Heard) -> Document:
        report = one.report
        return {
            "name": report.name,
            "is_this": report.instance == self._history.instance,
            "state": report.readiness.overall if one.is_serving else "missing",
            "seconds_ago": round(one.seconds_ago),
            "requests": report.recent.requests,
            "ttft_p95": _rounded(Measures.of(report.recent).ttft_p95),
            "running": report.status.running,
            "waiting": report.status.waiting,
        }

    def _measures(self, recent: Traffic) -> Document:
        measures = Measures.of(recent)
        return {
            "requests": recent.requests,
            "ttft_median": _rounded(measures.ttft_median),
            "ttft_p95": _rounded(measures.ttft_p95),
            "ttft_level": ttft_level(measures, self._thresholds),
            "tokens_per_second_each": _rounded(measures.tokens_per_second_each),
            "tokens_per_second_level": speed_level(measures, self._thresholds),
            "success_rate": _rounded(measures.success_rate),
            "success_level": success_level(measures, self._thresholds),
        }


def _columns(samples: Sequence[Sample]) -> Document:
    """One list for each line of a chart; null where there was nothing to measure."""
    traffic = [(sample.traffic, sample.seconds) for sample in samples]
    return {
        "at": [round(sample.at, 3) for sample in samples],
        "ok": [_rounded(part.ended["ok"] / seconds) for part, seconds in traffic],
        "failed": [_rounded(part.failed / seconds) for part, seconds in traffic],
        "refused": [_rounded(part.ended["refused"] / seconds) for part, seconds in traffic],
        "ttft_median": [_rounded(sample.measures.ttft_median) for sample in samples],
        "ttft_p95": [_rounded(sample.measures.ttft_p95) for sample in samples],
        "tokens_per_second": [_rounded(part.output_tokens / seconds) for part, seconds in traffic],
        "tokens_per_second_each": [_rounded(sample.measures.tokens_per_second_each) for sample in samples],
        "running": [sample.status.running for sample in samples],
        "waiting": [sample.status.waiting for sample in samples],
    }


def _worker_columns(samples: Sequence[Sample], names: Sequence[str]) -> Document:
    workers = [{worker.worker: worker for worker in sample.status.workers} for sample in samples]
    loads = [loads_by_worker(sample.loads) for sample in samples]
    return {
        name: {
            "kv": [_kv_share(of_sample.get(name)) for of_sample in workers],
            "memory": [_memory_bytes(of_sample.get(name)) for of_sample in loads],
            "utilization": [_utilization(of_sample.get(name)) for of_sample in loads],
        }
        for name in names
    }


def loads_by_worker(loads: Iterable[DeviceLoad]) -> dict[str, DeviceLoad]:
    """Devices that share a model's layers count as one: memory in all, and the mean utilization."""
    by_worker: dict[str, list[DeviceLoad]] = {}
    for load in loads:
        by_worker.setdefault(load.worker, []).append(load)
    return {name: _join(name, each) for name, each in by_worker.items()}


def _join(worker: str, loads: Sequence[DeviceLoad]) -> DeviceLoad:
    known = [load.utilization for load in loads if load.utilization is not None]
    return DeviceLoad(
        worker,
        ",".join(load.device for load in loads),
        sum(load.memory_used_bytes for load in loads),
        sum(load.memory_total_bytes for load in loads),
        sum(known) / len(known) if known else None,
    )


def _kv_share(worker: WorkerStatus | None) -> float | None:
    return None if worker is None or not worker.kv_total else _rounded(worker.kv_used / worker.kv_total)


def _memory_bytes(load: DeviceLoad | None) -> int | None:
    return None if load is None else load.memory_used_bytes


def _utilization(load: DeviceLoad | None) -> float | None:
    return None if load is None else _rounded(load.utilization)


def _worker(worker: WorkerStatus, load: DeviceLoad | None) -> Document:
    document: Document = {
        "worker": worker.worker,
        "device": worker.device,
        "is_healthy": worker.healthy,
        "running": worker.running,
        "waiting": worker.waiting,
        "kv_used": worker.kv_used,
        "kv_total": worker.kv_total,
    }
    if load is not None:
        document["memory_used_bytes"] = load.memory_used_bytes
        document["memory_total_bytes"] = load.memory_total_bytes
        document["utilization"] = _rounded(load.utilization)
    return document


def _is_serving(one: Heard) -> bool:
    return one.is_serving


def _instance_of(heard: Sequence[Heard]) -> str:
    """Changes when the page must load the whole hour again: other gateways are in it."""
    instances = sorted(one.report.instance for one in heard)
    return instances[0] if len(instances) == 1 else hashlib.sha256(" ".join(instances).encode()).hexdigest()


def _refusals(heard: Sequence[Heard]) -> Iterator[Document]:
    sentences = dict(_sentences(errors.GatewayError))
    counts: Counter[str] = sum((one.report.refusals for one in heard), Counter())
    for code, count in counts.most_common():
        yield {"code": code, "count": count, "sentence": sentences.get(code, "")}


def _sentences(error: type[errors.GatewayError]) -> Iterator[tuple[str, str]]:
    yield error.code, error.detail
    for subclass in error.__subclasses__():
        yield from _sentences(subclass)


def _user(user_id: str, hour: Traffic, names: Mapping[str, str]) -> Document:
    return {
        "user_id": user_id,
        "name": names.get(user_id, ""),
        "requests": hour.requests,
        "failed": hour.failed,
        "refused": hour.ended["refused"],
        "output_tokens": hour.output_tokens,
        "ttft_median": _rounded(hour.ttft_seconds.quantile(0.5)),
        "ttft_p95": _rounded(hour.ttft_seconds.quantile(0.95)),
        "tokens_per_second_each": _rounded(hour.tokens_per_second_each),
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, _DIGITS)
