"""What one gateway tells the others about itself, and how the reports of several become one.

Times of the gateways' clocks are Unix seconds; charts of gateways whose clocks differ are shifted by as much.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from functools import reduce
from operator import and_
from typing import Final

from app.media.sandbox.confinement import Posture
from app.ops.history import MEASURE_SECONDS, SAMPLE_SECONDS, Sample
from app.ops.readiness import Readiness, State
from app.ops.traffic import Measures, Traffic
from inference import BackendStatus, DeviceLoad, WorkerStatus

MISSING_SECONDS: Final = 15.0  # without a report: three that did not come
CONTEXT_SECONDS: Final = MEASURE_SECONDS + SAMPLE_SECONDS  # of samples before the first that is shown
_STEPS_OF_MEASURES: Final = round(MEASURE_SECONDS / SAMPLE_SECONDS)


@dataclass(frozen=True, slots=True)
class Report:
    """`recent` is the traffic of the last five minutes; `refusals` and `slowest` are of the last hour."""

    instance: str
    name: str
    model: str
    max_in_flight: int
    readiness: Readiness
    status: BackendStatus
    loads: tuple[DeviceLoad, ...]
    media_running: int
    media_waiting: int
    sandbox: Posture
    recent: Traffic
    refusals: Counter[str]
    slowest: tuple[tuple[str, Traffic], ...]  # user ids
    is_stopped: bool = False


@dataclass(frozen=True, slots=True)
class Heard:
    """A report, its age in seconds, and samples of its gateway, the oldest first."""

    report: Report
    seconds_ago: float = 0.0
    samples: Sequence[Sample] = ()

    @property
    def is_serving(self) -> bool:
        return not self.report.is_stopped and self.seconds_ago <= MISSING_SECONDS


def serving(heard: Sequence[Heard]) -> list[Report]:
    return [one.report for one in heard if one.is_serving]


def missing(heard: Sequence[Heard]) -> list[Heard]:
    """Those that ended without saying so, or cannot reach Redis, and have not been started again since."""
    names = {report.name for report in serving(heard)}
    return [
        one for one in heard if not (one.is_serving or one.report.is_stopped) and one.report.name not in names
    ]


def merged_readiness(reports: Sequence[Report]) -> Readiness:
    """Of all gateways together: a part is unavailable if it is so everywhere."""

    def state(part: str) -> State:
        states: set[State] = {getattr(report.readiness, part) for report in reports}
        if len(states) == 1:
            return states.pop()
        return "degraded"

    return Readiness(**{field.name: state(field.name) for field in fields(Readiness)})


def merged_status(reports: Sequence[Report]) -> BackendStatus:
    """With the gateway's name before that of each worker, if there are several gateways."""
    if len(reports) == 1:
        return reports[0].status
    return _merged_status([(report.name, report.status) for report in reports])


def merged_loads(reports: Sequence[Report]) -> tuple[DeviceLoad, ...]:
    if len(reports) == 1:
        return reports[0].loads
    return _merged_loads([(report.name, report.loads) for report in reports])


def merged_sandbox(reports: Sequence[Report]) -> Posture:
    """The layers that all gateways have."""
    return Posture.from_bits(reduce(and_, (report.sandbox.to_bits() for report in reports)))


def merged_slowest(heard: Iterable[Heard], count: int) -> list[tuple[str, Traffic]]:
    """Of users that are among the slowest of any gateway; the slowest first."""
    parts: dict[str, list[Traffic]] = {}
    for one in heard:
        for user_id, traffic in one.report.slowest:
            parts.setdefault(user_id, []).append(traffic)
    users = [(user_id, Traffic.merged(each)) for user_id, each in parts.items()]
    users.sort(key=lambda user: user[1].ttft_seconds.quantile(0.95) or 0.0, reverse=True)
    return users[:count]


def merged_samples(heard: Sequence[Heard], after: float, until: float) -> list[Sample]:
    """One for each step of five seconds that ends later than `after` and not later than `until`."""
    steps: dict[int, list[tuple[str, Sample]]] = {}
    for one in heard:
        for sample in one.samples:
            steps.setdefault(int(sample.at // SAMPLE_SECONDS), []).append((one.report.name, sample))
    traffic = {step: Traffic.merged(sample.traffic for _, sample in parts) for step, parts in steps.items()}
    merged = []
    for step in sorted(steps):
        at = (step + 1) * SAMPLE_SECONDS
        if after < at <= until:
            recent = [
                traffic[earlier]
                for earlier in range(step - _STEPS_OF_MEASURES + 1, step + 1)
                if earlier in traffic
            ]
            merged.append(
                Sample(
                    at=at,
                    seconds=SAMPLE_SECONDS,
                    traffic=traffic[step],
                    measures=Measures.of(Traffic.merged(recent)),
                    status=_merged_status([(name, sample.status) for name, sample in steps[step]]),
                    loads=_merged_loads([(name, sample.loads) for name, sample in steps[step]]),
                )
            )
    return merged


def _merged_status(parts: Sequence[tuple[str, BackendStatus]]) -> BackendStatus:
    def named(name: str, workers: Iterable[WorkerStatus]) -> Iterable[WorkerStatus]:
        return (replace(worker, worker=_name_of(name, worker.worker)) for worker in workers)

    return BackendStatus(
        tuple(worker for name, status in parts for worker in named(name, status.workers)),
        tuple(worker for name, status in parts for worker in named(name, status.speech_workers)),
    )


def _merged_loads(parts: Sequence[tuple[str, Sequence[DeviceLoad]]]) -> tuple[DeviceLoad, ...]:
    return tuple(replace(load, worker=_name_of(name, load.worker)) for name, loads in parts for load in loads)


def _name_of(gateway: str, worker: str) -> str:
    return f"{gateway}/{worker}"
