"""What is exposed equals what prometheus_client's own counters and histograms expose."""

from collections.abc import Iterator

import pytest
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    disable_created_metrics,
    enable_created_metrics,
    generate_latest,
)
from prometheus_client.registry import Collector

from app.ops.collectors import CounterCollector, HistogramCollector
from app.ops.process_metrics import dump_families

LABELS = ("route", "outcome")
SERIES = (("/chat", "ok"), ("/v1/audio", "failed"), ('a "quoted"\nback\\slash', ""))
BUCKETS = (0.01, 0.1, 1.0, 2.5, 1_048_576.0)
VALUES = (0, 0.0, 0.005, 0.01, 0.010001, 0.1, 0.5, 1, 2.5, 2.500001, 7, 1_048_576, 1_048_577, 5e9)


@pytest.fixture(autouse=True)
def created_metrics_are_disabled() -> Iterator[None]:
    """prometheus_client's own have a timestamp for each series otherwise."""
    disable_created_metrics()
    yield
    enable_created_metrics()


def exposed(collector: Collector) -> tuple[bytes, str]:
    """For a scrape, and for another process."""
    registry = CollectorRegistry()
    registry.register(collector)
    return generate_latest(registry), dump_families(registry.collect())


def test_histogram_exposes_what_the_library_exposes() -> None:
    ours = HistogramCollector("seconds", "How long it took", LABELS, BUCKETS)
    theirs = Histogram("seconds", "How long it took", LABELS, registry=None, buckets=BUCKETS)
    assert exposed(ours) == exposed(theirs)
    for labels in SERIES:
        for value in VALUES:
            ours.observe(value, *labels)
            theirs.labels(*labels).observe(value)
            assert exposed(ours) == exposed(theirs)


def test_counter_exposes_what_the_library_exposes() -> None:
    ours = CounterCollector("requests", "How many", LABELS)
    theirs = Counter("requests", "How many", LABELS, registry=None)
    assert exposed(ours) == exposed(theirs)
    for labels in SERIES:
        for amount in (1, 2.5, 1e12):
            ours.inc(*labels)
            theirs.labels(*labels).inc()
            ours.inc(*labels, amount=amount)
            theirs.labels(*labels).inc(amount)
            assert exposed(ours) == exposed(theirs)
