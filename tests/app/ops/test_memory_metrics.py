import time

import pytest
from prometheus_client import CollectorRegistry

from app.memory_budget import MemoryBudget
from app.ops.memory_metrics import MemoryMetrics

pytestmark = pytest.mark.anyio


async def test_each_share_says_its_size_its_use_and_who_waits():
    budget, registry = MemoryBudget(8000, 100), CollectorRegistry()
    registry.register(MemoryMetrics(budget))

    def value(name: str, share: str) -> float | None:
        return registry.get_sample_value(name, {"share": share})

    with budget.claim(time.monotonic() + 30) as held:
        await held.reserve_media(1500)
        assert value("gateway_memory_budget_bytes", "media") == 4000
        assert value("gateway_memory_budget_used_bytes", "media") == 1500
        assert value("gateway_memory_budget_used_bytes", "bodies") == 0
        assert value("gateway_memory_budget_waiting", "arriving") == 0
    assert value("gateway_memory_budget_used_bytes", "media") == 0
