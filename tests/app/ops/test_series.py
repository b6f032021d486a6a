"""The quick counters and histograms expose what prometheus_client's own would."""

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.registry import Collector

from app.ops.series import CounterSeries, HistogramSeries

BUCKETS = (0.1, 0.5, 1.0, 1048576.0)
VALUES = (0.0, 0.1, 0.100001, 0.3, 0.5, 0.7, 1.0, 3.0, 1e9)


def exposed(*collectors: Collector) -> str:
    registry = CollectorRegistry()
    for collector in collectors:
        registry.register(collector)
    lines = generate_latest(registry).decode().splitlines()
    return "\n".join(line for line in lines if "_created" not in line)


def test_histogram_is_the_same_as_the_librarys():
    ours = HistogramSeries("h", "Help", ("a", "b"), BUCKETS)
    theirs = Histogram("h", "Help", ("a", "b"), buckets=BUCKETS, registry=None)
    for number, value in enumerate(VALUES):
        labels = ("x", str(number % 2))
        ours.observe(labels, value)
        theirs.labels(*labels).observe(value)
    assert exposed(ours) == exposed(theirs)


def test_counter_is_the_same_as_the_librarys():
    ours = CounterSeries("c", "Help", ("a",))
    theirs = Counter("c", "Help", ("a",), registry=None)
    for value, amount in (("x", 1), ("y", 0.25), ('quo"te', 3), ("x", 41)):
        ours.add((value,), amount)
        theirs.labels(value).inc(amount)
    assert exposed(ours) == exposed(theirs)
