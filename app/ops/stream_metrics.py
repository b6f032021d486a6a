"""Metrics of recorded responses, read at scrape time."""

from collections.abc import Iterable

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from app.streams.recordings import Recordings


class StreamMetrics(Collector):
    def __init__(self, recordings: Recordings) -> None:
        self._recordings = recordings

    def collect(self) -> Iterable[Metric]:
        recordings = self._recordings
        kept = GaugeMetricFamily(
            "gateway_streams",
            "Recorded responses that are being made, and that have ended",
            labels=("state",),
        )
        for state, has_ended in (("running", False), ("ended", True)):
            kept.add_metric((state,), float(recordings.count(ended=has_ended)))
        yield kept
        readers = GaugeMetricFamily("gateway_stream_readers", "Connections that read recorded responses")
        readers.add_metric((), float(recordings.readers))
        yield readers
        refused = CounterMetricFamily(
            "gateway_streams_not_recorded", "Responses that were to be recorded, and found no memory"
        )
        refused.add_metric((), float(recordings.refused))
        yield refused
        degraded = GaugeMetricFamily(
            "gateway_streams_degraded",
            "1 while Redis is unavailable and other gateways cannot read responses",
        )
        degraded.add_metric((), float(recordings.is_degraded))
        yield degraded
