"""What became of requests with an Idempotency-Key, read at scrape time."""

from collections.abc import Iterable
from typing import get_args

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from app.idempotency.keys import IdempotencyKeys, Result


class IdempotencyMetrics(Collector):
    def __init__(self, keys: IdempotencyKeys) -> None:
        self._keys = keys

    def collect(self) -> Iterable[Metric]:
        requests = CounterMetricFamily(
            "gateway_idempotent_requests",
            "Requests with an Idempotency-Key: the first of each key runs, others get its response",
            labels=("result",),
        )
        for result in get_args(Result):
            requests.add_metric((result,), float(self._keys.results[result]))
        yield requests
        yield GaugeMetricFamily(
            "gateway_idempotency_unstored",
            "Ended requests with an Idempotency-Key that the database does not know of yet",
            float(self._keys.unstored),
        )
