"""Turns the metrics that Prometheus scrapes into the SDK's: the same numbers, GenAI's names with dots.

The SDK's own reader exports what its instruments measure, and everything would be measured twice.
"""

import time
from itertools import groupby, pairwise
from typing import Final

from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    Histogram,
    HistogramDataPoint,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.metrics.export import Metric as ExportedMetric
from prometheus_client.core import Metric
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

from app.telemetry.source import Source
from app.telemetry.spans import PROVIDER

OURS: Final = ("gateway_", "gen_ai_")  # the others describe Python and the process
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


class PrometheusBridge:
    """Reads the registry at each call of `collect`, in the event loop's thread, which also writes there."""

    def __init__(self, registry: Collector, source: Source) -> None:
        self._registry = registry
        self._source = source

    def collect(self) -> MetricsData:
        now = time.time_ns()
        metrics = [
            self._exported(family, now)
            for family in self._registry.collect()
            if family.samples and family.name.startswith(OURS)
        ]
        scope_metrics = ScopeMetrics(self._source.scope, metrics, schema_url="")
        return MetricsData([ResourceMetrics(self._source.resource, [scope_metrics], schema_url="")])

    def _exported(self, family: Metric, now: int) -> ExportedMetric:
        name, unit = NAMES.get(family.name, (family.name, "s" if family.name.endswith("_seconds") else ""))
        data: Sum | Gauge | Histogram
        match family.type:
            case "histogram":
                series = groupby(family.samples, _attributes_of)
                histograms = [
                    self._histogram(attributes, list(samples), now) for attributes, samples in series
                ]
                data = Histogram(histograms, AggregationTemporality.CUMULATIVE)
            case "counter":
                totals = [
                    self._point(sample, now) for sample in family.samples if sample.name.endswith("_total")
                ]
                data = Sum(totals, AggregationTemporality.CUMULATIVE, is_monotonic=True)
            case _:
                data = Gauge([self._point(sample, now) for sample in family.samples])
        return ExportedMetric(name, family.documentation, unit, data)

    def _point(self, sample: Sample, now: int) -> NumberDataPoint:
        return NumberDataPoint(_attributes_of(sample), self._source.started_at, now, float(sample.value))

    def _histogram(self, attributes: dict[str, str], samples: list[Sample], now: int) -> HistogramDataPoint:
        """Prometheus' buckets count all that is smaller, OTLP's only what is in them."""
        buckets = [sample for sample in samples if "le" in sample.labels]
        counts = [int(sample.value) for sample in buckets]
        (total,) = (sample.value for sample in samples if sample.name.endswith("_sum"))
        return HistogramDataPoint(
            attributes=attributes,
            start_time_unix_nano=self._source.started_at,
            time_unix_nano=now,
            count=counts[-1],
            sum=total,
            bucket_counts=[after - before for before, after in pairwise([0, *counts])],
            explicit_bounds=[float(sample.labels["le"]) for sample in buckets[:-1]],
            min=None,  # type: ignore[arg-type]  # optional in OTLP, and Prometheus has neither
            max=None,  # type: ignore[arg-type]
        )


def _attributes_of(sample: Sample) -> dict[str, str]:
    """Without `le`, which tells buckets apart, and without empty labels: `error_type` is empty on success."""
    labels = sample.labels.items()
    attributes = {LABELS.get(name, name): value for name, value in labels if value and name != "le"}
    if "gen_ai.operation.name" in attributes:
        attributes["gen_ai.provider.name"] = PROVIDER
    return attributes
