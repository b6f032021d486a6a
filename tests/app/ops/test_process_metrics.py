"""Metrics of several processes in one exposition."""

import math

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.parser import text_string_to_metric_families

from app.ops.process_metrics import AllProcesses, dump_families, expose_all


def process(requests: int, gauge: float) -> str:
    registry = CollectorRegistry()
    Counter("requests", "Requests", ("route",), registry=registry).labels("/chat").inc(requests)
    Gauge("state", "State", registry=registry).set(gauge)
    Histogram("seconds", "Seconds", registry=registry, buckets=(1.0,)).observe(requests)
    return dump_families(registry.collect())


def samples(collected: AllProcesses) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    text = expose_all(collected).decode()
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_series_of_each_process_have_its_number() -> None:
    shown = samples(AllProcesses({"1": process(3, 0.5), "10": process(4, 1.5)}, {"1": 1, "10": 2}))
    assert shown["requests_total", (("process", "1"), ("route", "/chat"))] == 3
    assert shown["requests_total", (("process", "10"), ("route", "/chat"))] == 4
    assert shown["state", (("process", "10"),)] == 1.5
    assert shown["seconds_bucket", (("le", "+Inf"), ("process", "1"))] == 1
    assert shown["seconds_sum", (("process", "10"),)] == 4
    assert shown["gateway_process_starts_total", (("process", "10"),)] == 2


def test_each_family_is_described_once() -> None:
    text = expose_all(AllProcesses({"1": process(1, 0), "2": process(1, 0)}, {})).decode()
    assert text.count("# TYPE requests_total counter") == 1
    assert text.count("# HELP seconds Seconds") == 1


def test_values_that_json_does_not_have_are_kept() -> None:
    shown = samples(AllProcesses({"1": process(1, math.inf), "2": process(1, math.nan)}, {}))
    assert shown["state", (("process", "1"),)] == math.inf
    assert math.isnan(shown["state", (("process", "2"),)])
