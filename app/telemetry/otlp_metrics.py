"""The metrics that Prometheus scrapes, as OTLP has them: the same numbers, GenAI's with their dots."""

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Final

from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AGGREGATION_TEMPORALITY_CUMULATIVE,
    Gauge,
    Histogram,
    HistogramDataPoint,
    NumberDataPoint,
    Sum,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric as OTLPMetric
from prometheus_client.core import Metric
from prometheus_client.samples import Sample

from app.telemetry.attributes import key_values
from app.telemetry.spans import PROVIDER

OURS: Final = ("gateway_", "gen_ai_")  # the others tell of Python and the process
NAMES: Final = {
    "gen_ai_server_request_duration_seconds": ("gen_ai.server.request.duration", "s"),
    "gen_ai_server_time_to_first_token_seconds": ("gen_ai.server.time_to_first_token", "s"),
    "gen_ai_server_time_per_output_token_seconds": ("gen_ai.server.time_per_output_token", "s"),
    "gen_ai_client_token_usage": ("gen_ai.client.token.usage", "{token}"),
}
LABELS: Final = {
    "gen_ai_operation_name": "gen_ai.operation.name",
    "gen_ai_request_model": "gen_ai.request.model",
    "gen_ai_token_type": "gen_ai.token.type",
    "error_type": "error.type",
}

Labels = frozenset[tuple[str, str]]


def metrics_of(families: Iterable[Metric], started_at: int) -> Iterator[OTLPMetric]:
    """Sums count from `started_at`, in nanoseconds of Unix time."""
    now = time.time_ns()
    for family in families:
        if not family.samples or not family.name.startswith(OURS):
            continue
        name, unit = NAMES.get(family.name, (family.name, "s" if family.name.endswith("_seconds") else ""))
        metric = OTLPMetric(name=name, description=family.documentation, unit=unit)
        match family.type:
            case "histogram":
                metric.histogram.CopyFrom(_histogram(family, started_at, now))
            case "counter":
                metric.sum.CopyFrom(_sum(family, started_at, now))
            case _:
                metric.gauge.CopyFrom(
                    Gauge(data_points=[_point(sample, 0, now) for sample in family.samples])
                )
        yield metric


def _sum(family: Metric, started_at: int, now: int) -> Sum:
    return Sum(
        data_points=[
            _point(sample, started_at, now) for sample in family.samples if sample.name.endswith("_total")
        ],
        aggregation_temporality=AGGREGATION_TEMPORALITY_CUMULATIVE,
        is_monotonic=True,
    )


def _point(sample: Sample, started_at: int, now: int) -> NumberDataPoint:
    return NumberDataPoint(
        attributes=key_values(_attributes_of(sample.labels)),
        start_time_unix_nano=started_at,
        time_unix_nano=now,
        as_double=sample.value,
    )


def _histogram(family: Metric, started_at: int, now: int) -> Histogram:
    series: defaultdict[Labels, list[Sample]] = defaultdict(list)
    for sample in family.samples:
        labels = frozenset((name, value) for name, value in sample.labels.items() if name != "le")
        series[labels].append(sample)
    return Histogram(
        data_points=[
            _histogram_point(labels, samples, started_at, now) for labels, samples in series.items()
        ],
        aggregation_temporality=AGGREGATION_TEMPORALITY_CUMULATIVE,
    )


def _histogram_point(labels: Labels, samples: list[Sample], started_at: int, now: int) -> HistogramDataPoint:
    """Prometheus' buckets count all that is smaller, OTLP's only what is in them."""
    cumulative = [
        (float(sample.labels["le"]), int(sample.value)) for sample in samples if "le" in sample.labels
    ]
    smaller = [0, *(count for _, count in cumulative)]
    (total,) = (sample.value for sample in samples if sample.name.endswith("_sum"))
    return HistogramDataPoint(
        attributes=key_values(_attributes_of(dict(labels))),
        start_time_unix_nano=started_at,
        time_unix_nano=now,
        count=cumulative[-1][1],
        sum=total,
        bucket_counts=[after - before for before, after in pairwise(smaller)],
        explicit_bounds=[bound for bound, _ in cumulative[:-1]],
    )


def _attributes_of(labels: Mapping[str, str]) -> dict[str, str | None]:
    attributes = {LABELS.get(name, name): value or None for name, value in labels.items()}
    if "gen_ai.operation.name" in attributes:
        attributes["gen_ai.provider.name"] = PROVIDER
    return attributes
