"""Counters and histograms for the event loop's thread alone: no lock, a dictionary and a bisection.

prometheus_client's own take 2 µs an observation, of which a generation makes seven; these take 0.3 µs and
are handed to it at scrape time.
"""

import math
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Sequence

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

LabelValues = tuple[str, ...]


class CounterSeries(Collector):
    """Counts by the values of `labels`, which must come from a bounded set."""

    def __init__(self, name: str, documentation: str, labels: Sequence[str]) -> None:
        self._name = name
        self._documentation = documentation
        self._labels = labels
        self._counts: defaultdict[LabelValues, float] = defaultdict(int)

    def add(self, label_values: LabelValues, amount: float) -> None:
        self._counts[label_values] += amount

    def collect(self) -> Iterable[Metric]:
        family = CounterMetricFamily(self._name, self._documentation, labels=self._labels)
        for label_values, count in self._counts.items():
            family.add_metric(label_values, count)
        yield family


class HistogramSeries(Collector):
    """Observations by the values of `labels`; `buckets` are upper bounds, without infinity."""

    def __init__(
        self, name: str, documentation: str, labels: Sequence[str], buckets: Sequence[float]
    ) -> None:
        self._name = name
        self._documentation = documentation
        self._labels = labels
        self._bounds = tuple(buckets)
        self._bound_names = [_bound_name(bound) for bound in (*buckets, math.inf)]
        self._counts: defaultdict[LabelValues, list[int]] = defaultdict(self._new_counts)
        self._sums: defaultdict[LabelValues, float] = defaultdict(float)

    def _new_counts(self) -> list[int]:
        return [0] * len(self._bound_names)

    def observe(self, label_values: LabelValues, value: float) -> None:
        self._counts[label_values][bisect_left(self._bounds, value)] += 1
        self._sums[label_values] += value

    def collect(self) -> Iterable[Metric]:
        family = HistogramMetricFamily(self._name, self._documentation, labels=self._labels)
        for label_values, counts in self._counts.items():
            cumulative, buckets = 0, []
            for name, count in zip(self._bound_names, counts, strict=True):
                cumulative += count
                buckets.append((name, float(cumulative)))
            family.add_metric(label_values, buckets, self._sums[label_values])
        yield family


def _bound_name(bound: float) -> str:
    return str(floatToGoString(bound))  # type: ignore[no-untyped-call]  # it comes without types
