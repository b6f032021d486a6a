"""Metrics as a collector receives them: the values of `/metrics`, GenAI's under their own names."""

import pytest
from opentelemetry.proto.metrics.v1.metrics_pb2 import AGGREGATION_TEMPORALITY_CUMULATIVE
from prometheus_client.parser import text_string_to_metric_families

from .conftest import CollectorServer, StartTraced, attributes_of, flush

pytestmark = pytest.mark.anyio

CHAT = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "autoglm-gateway",
    "gen_ai.request.model": "scripted",
}


async def test_genai_metrics_have_their_names_units_and_attributes(
    start_traced: StartTraced, collector: CollectorServer
) -> None:
    gateway = await start_traced()
    await gateway.call("POST", "/chat", json={"prompt": "one two three", "max_tokens": 5})
    await flush(gateway)
    metrics = collector.metrics
    units = {name: metric.unit for name, metric in metrics.items() if name.startswith("gen_ai.")}
    assert units == {
        "gen_ai.server.request.duration": "s",
        "gen_ai.server.time_to_first_token": "s",
        "gen_ai.server.time_per_output_token": "s",
        "gen_ai.client.token.usage": "{token}",
    }
    (duration,) = metrics["gen_ai.server.request.duration"].histogram.data_points
    assert attributes_of(duration.attributes) == CHAT  # no error.type on success
    tokens = {
        attributes_of(point.attributes)["gen_ai.token.type"]: point
        for point in metrics["gen_ai.client.token.usage"].histogram.data_points
    }
    assert {kind: point.sum for kind, point in tokens.items()} == {"input": 3, "output": 5}
    bounds = list(tokens["output"].explicit_bounds)
    assert bounds[:3] == [1, 4, 16]
    counts = list(tokens["output"].bucket_counts)
    assert (sum(counts), len(counts), counts.index(1)) == (1, len(bounds) + 1, 2)  # 4 < 5 <= 16
    assert duration.time_unix_nano > duration.start_time_unix_nano > 0
    for metric in metrics.values():
        if metric.HasField("histogram"):
            assert metric.histogram.aggregation_temporality == AGGREGATION_TEMPORALITY_CUMULATIVE


async def test_every_value_of_the_gateway_in_metrics_is_exported(
    start_traced: StartTraced, collector: CollectorServer
) -> None:
    gateway = await start_traced()
    await gateway.call("POST", "/chat", json={"prompt": "hello"})
    await gateway.client.post("/chat")
    await flush(gateway)
    scraped = (await gateway.client.get("/metrics")).text
    names = {
        family.name
        for family in text_string_to_metric_families(scraped)
        if family.name.startswith("gateway_") and family.samples
    }
    sent = {name for name, metric in collector.metrics.items() if not name.startswith("gen_ai.")}
    assert sent == names
    requests = collector.metrics["gateway_requests"].sum
    assert requests.is_monotonic
    assert {
        (attributes_of(point.attributes)["status_class"], point.as_double) for point in requests.data_points
    } == {("2xx", 1.0), ("4xx", 1.0)}
    (healthy,) = collector.metrics["gateway_worker_healthy"].gauge.data_points
    assert healthy.as_double == 1.0
    assert not [name for name in collector.metrics if name.startswith(("process_", "python_"))]


async def test_metrics_are_exported_periodically_and_can_be_disabled(
    start_traced: StartTraced, collector: CollectorServer
) -> None:
    gateway = await start_traced({"metrics_interval": "PT1S"})
    await collector.until(lambda: "gateway_build_info" in collector.metrics)
    assert gateway.services.telemetry is not None
    await gateway.services.telemetry.aclose()
    collector.metrics.clear()
    silent = await start_traced({"metrics": False})
    await flush(silent)
    assert collector.metrics == {}
