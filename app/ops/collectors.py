"""Counters and histograms that every request adds to, of one thread.

They count in dictionaries and become families at scrape time. Those of prometheus_client expose the same, and
take several times as long for each value: they have a lock for it and look at the buckets one by one.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import accumulate
from math import inf

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString


class CounterCollector(Collector):
    def __init__(self, name: str, documentation: str, label_names: Sequence[str]) -> None:
        self._name = name
        self._documentation = documentation
        self._label_names = label_names
        self._values: defaultdict[tuple[str, ...], float] = defaultdict(float)

    def inc(self, *labels: str, amount: float = 1.0) -> None:
        self._values[labels] += amount

    def collect(self) -> Iterable[Metric]:
        family = CounterMetricFamily(self._name, self._documentation, labels=self._label_names)
        for labels, value in self._values.items():
            family.add_metric(labels, value)
        yield family


class HistogramCollector(Collector):
    """A value counts in the first bucket that it is not above. The last bucket, of all others, is added."""

    def __init__(
        self, name: str, documentation: str, label_names: Sequence[str], buckets: Sequence[float]
    ) -> None:
        self._name = name
        self._documentation = documentation
        self._label_names = label_names
        self._upper_bounds = (*buckets, inf)
        self._counts: defaultdict[tuple[str, ...], list[int]] = defaultdict(
            lambda: [0] * len(self._upper_bounds)
        )
        self._sums: defaultdict[tuple[str, ...], float] = defaultdict(float)

    def observe(self, value: float, *labels: str) -> None:
        self._counts[labels][bisect_left(self._upper_bounds, value)] += 1
        self._sums[labels] += value

    def collect(self) -> Iterable[Metric]:
        family = HistogramMetricFamily(self._name, self._documentation, labels=self._label_names)
        names = [
            floatToGoString(bound)  # type: ignore[no-untyped-call]  # the library's omission
            for bound in self._upper_bounds
        ]
        for labels, counts in self._counts.items():
            family.add_metric(labels, list(zip(names, accumulate(counts), strict=True)), self._sums[labels])
        yield family
