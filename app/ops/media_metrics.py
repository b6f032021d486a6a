"""Metrics of decoded files and of the processes that decode them."""

from collections.abc import Iterable
from dataclasses import asdict

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from app.media.decoding import MediaDecoder
from app.media.sandbox.confinement import NO_POSTURE

_KIND = ("kind",)


class MediaMetrics(Collector):
    """Reads the decoder's own counts at scrape time."""

    def __init__(self, decoder: MediaDecoder) -> None:
        self._decoder = decoder

    def collect(self) -> Iterable[Metric]:
        files = CounterMetricFamily(
            "gateway_media_files",
            "Files by what came of them; died and timed_out: past its bounds, abandoned: the client left",
            labels=("kind", "outcome"),
        )
        seconds = CounterMetricFamily(
            "gateway_media_cpu_seconds", "Processor time that files took", labels=_KIND
        )
        for (kind, outcome), count in self._decoder.statistics.files.items():
            files.add_metric((kind, outcome), float(count))
        for kind, cpu_seconds in self._decoder.statistics.cpu_seconds.items():
            seconds.add_metric((kind,), cpu_seconds)
        yield from (files, seconds)
        for name, documentation, value in (
            ("gateway_media_running", "Files being decoded", self._decoder.running),
            ("gateway_media_waiting", "Files that wait for their turn", self._decoder.waiting),
        ):
            gauge = GaugeMetricFamily(name, documentation)
            gauge.add_metric((), float(value))
            yield gauge
        sandbox = GaugeMetricFamily(
            "gateway_media_sandbox", "1 where the layer holds around what decodes media", labels=("layer",)
        )
        for layer, holds in asdict(self._decoder.posture or NO_POSTURE).items():
            sandbox.add_metric((layer,), float(holds))
        yield sandbox
