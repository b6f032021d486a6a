"""What the page at /ops shows, as one JSON document: state now, and the samples it has not seen yet."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

from app import errors
from app.media.decoding import MediaDecoder
from app.media.sandbox.confinement import NO_POSTURE
from app.ops.history import MAX_SAMPLES, SAMPLE_SECONDS, History, Sample
from app.ops.readiness import ReadinessCheck
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
_DIGITS: Final = 4  # enough of a second or a rate

Document = dict[str, Any]  # Any: what JSON holds


class Dashboard:
    """Collects the document from the parts of the gateway. Created by `app/lifespan.py`."""

    def __init__(
        self,
        history: History,
        readiness: ReadinessCheck,
        backend: Backend,
        media: MediaDecoder,
        thresholds: OpsSettings,
        *,
        max_in_flight: int,
    ) -> None:
        self._history = history
        self._readiness = readiness
        self._backend = backend
        self._media = media
        self._thresholds = thresholds
        self._max_in_flight = max_in_flight

    def slowest_users(self) -> list[tuple[str, Traffic]]:
        """Ids, and the last hour of each."""
        return self._history.users.slowest(SLOWEST_USERS)

    def document(
        self, after: float, slowest: Sequence[tuple[str, Traffic]], names: Mapping[str, str]
    ) -> Document:
        """State now, and the samples later than `after` (Unix seconds).

        `names` are those of the slowest users, as far as they are known.
        """
        history, status = self._history, self._backend.status()
        recent = history.last(WINDOW_SECONDS)
        line = status_line(self._readiness.now(), status, recent, self._thresholds)
        loads = loads_by_worker(history.loads)
        samples = history.samples_after(after)
        return {
            "instance": history.instance,
            "sample_seconds": SAMPLE_SECONDS,
            "max_samples": MAX_SAMPLES,
            "model": self._backend.model_card.name,
            "status": {"level": line.level, "title": line.title, "sentence": line.sentence},
            "measures": self._measures(recent)
            | {"running": status.running, "waiting": status.waiting, "max_in_flight": self._max_in_flight},
            "media": {
                "running": self._media.running,
                "waiting": self._media.waiting,
                "sandbox": asdict(self._media.posture or NO_POSTURE),
            },
            "workers": [_worker(worker, loads.get(worker.worker)) for worker in status.workers],
            "refusals": list(_refusals(history)),
            "slowest_users": [_user(user_id, hour, names) for user_id, hour in slowest],
            "samples": _columns(samples),
            "worker_samples": _worker_columns(samples, [worker.worker for worker in status.workers]),
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


def _refusals(history: History) -> Iterator[Document]:
    sentences = dict(_sentences(errors.GatewayError))
    for code, count in history.refusals().most_common():
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
