"""Metrics of a gateway of several processes: each process has its own, and one of them exposes all.

Every series gets the label `process`. A sum over processes would fall when one of them starts again, and
Prometheus would take the others' whole counts for an increase.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson
from prometheus_client import generate_latest
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

LABEL: Final = "process"


@dataclass(frozen=True, slots=True)
class AllProcesses:
    """By the number of a process, as text: what `dump_families` returned, and how often it was started."""

    metrics: Mapping[str, str]
    starts: Mapping[str, int]


CollectAll = Callable[[], Awaitable[AllProcesses]]


def dump_families(families: Iterable[Metric]) -> str:
    """As JSON, for another process. Values are text, since JSON has neither infinity nor NaN."""
    rows = [
        (
            family.name,
            family.documentation,
            family.type,
            [(sample.name, sample.labels, repr(float(sample.value))) for sample in family.samples],
        )
        for family in families
    ]
    return orjson.dumps(rows).decode()


def expose_all(collected: AllProcesses) -> bytes:
    """Prometheus' text format, with the label `process`."""
    families: dict[str, Metric] = {}
    for process, dumped in sorted(collected.metrics.items(), key=lambda item: int(item[0])):
        for name, documentation, kind, samples in orjson.loads(dumped):
            family = families.setdefault(name, Metric(name, documentation, kind))
            for sample, labels, value in samples:
                family.add_sample(sample, {**labels, LABEL: process}, float(value))
    return generate_latest(_Families([*families.values(), _starts(collected.starts)]))


def _starts(starts: Mapping[str, int]) -> Metric:
    family = CounterMetricFamily(
        "gateway_process_starts",
        "How often a process was started; more than once: it has ended",
        labels=(LABEL,),
    )
    for process, count in starts.items():
        family.add_metric((process,), count)
    return family


class _Families(Collector):
    def __init__(self, families: Iterable[Any]) -> None:  # Any: some families' classes are not typed
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families
