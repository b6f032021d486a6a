"""Metrics of the memory budget, read at scrape time."""

from collections.abc import Iterable

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from app.memory_budget import MemoryBudget


class MemoryMetrics(Collector):
    def __init__(self, budget: MemoryBudget) -> None:
        self._budget = budget

    def collect(self) -> Iterable[Metric]:
        for name, documentation, field in (
            ("gateway_memory_budget_bytes", "Memory that requests may take together", "capacity_bytes"),
            ("gateway_memory_budget_used_bytes", "Memory that requests have reserved", "used_bytes"),
            ("gateway_memory_budget_waiting", "Requests that wait for memory", "waiting"),
        ):
            gauge = GaugeMetricFamily(name, documentation, labels=("share",))
            for share, memory in self._budget.shares.items():
                gauge.add_metric((share,), float(getattr(memory, field)))
            yield gauge
