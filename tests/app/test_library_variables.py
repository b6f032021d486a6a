"""Environment variables of libraries have no effect on what a gateway sends."""

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry import environment_variables as api_variables
from opentelemetry.sdk import environment_variables as sdk_variables

from testbed.servers import free_port

from .telemetry.conftest import CollectorServer, attributes_of, collector

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

__all__ = ["collector"]

SECONDS = 60.0
GATEWAY = Path(sys.executable).with_name("gateway")
TRACEPARENT = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
ELSEWHERE = f"http://127.0.0.1:{free_port()}"
NAMES = {
    value
    for module in (api_variables, sdk_variables)
    for name, value in vars(module).items()
    if "OTEL_" in name and isinstance(value, str)
}
UNWELCOME = {
    "FASTAPI_OTEL_AUTO_CONFIGURE": "true",
    "HTTP_PROXY": ELSEWHERE,
    "OTEL_ATTRIBUTE_COUNT_LIMIT": "1",
    "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": "1",
    "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "1",
    "OTEL_BSP_MAX_QUEUE_SIZE": "1",
    "OTEL_BSP_SCHEDULE_DELAY": "3600000",
    "OTEL_EXPORTER_OTLP_CERTIFICATE": "/nowhere",
    "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
    "OTEL_EXPORTER_OTLP_ENDPOINT": ELSEWHERE,
    "OTEL_EXPORTER_OTLP_HEADERS": "x-stranger=1",
    "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": f"{ELSEWHERE}/v1/metrics",
    "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": "DELTA",
    "OTEL_EXPORTER_OTLP_TIMEOUT": "0.001",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"{ELSEWHERE}/v1/traces",
    "OTEL_EXPORTER_OTLP_TRACES_HEADERS": "x-stranger=1",
    "OTEL_METRIC_EXPORT_INTERVAL": "1",
    "OTEL_PYTHON_EXPORTER_OTLP_HTTP_CREDENTIAL_PROVIDER": "stranger",
    "OTEL_RESOURCE_ATTRIBUTES": "service.name=stranger,owner=stranger",
    "OTEL_SDK_DISABLED": "true",
    "OTEL_SERVICE_NAME": "stranger",
    "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "1",
    "OTEL_SPAN_EVENT_COUNT_LIMIT": "0",
    "OTEL_TRACES_SAMPLER": "always_off",
    "PROMETHEUS_MULTIPROC_DIR": "/nowhere",
}


class SentByGateway:
    """What `gateway serve` sends for one refused request, with the variables in its environment."""

    def __init__(self, directory: Path, collector: CollectorServer) -> None:
        self._directory = directory
        self._collector = collector

    async def __call__(self, variables: dict[str, str]) -> dict[str, Any]:
        collector = self._collector
        for received in (collector.requests, collector.spans, collector.metrics, collector.resources):
            received.clear()
        await self._request_once(variables)
        for resource in collector.resources:
            del resource["service.instance.id"]
        return {
            "spans": [
                (span.name, span.trace_id, span.kind, span.status.code, attributes_of(span.attributes))
                for span in collector.spans
            ],
            "parents": [span.parent_span_id for span in collector.spans if span.name == "POST /chat"],
            "resources": collector.resources,
            "metrics": {
                (name, metric.WhichOneof("data"), metric.histogram.aggregation_temporality)
                for name, metric in collector.metrics.items()
            },
            "headers": [
                (request.url.path, sorted(set(request.headers) - {"content-length"}))
                for request in collector.requests
            ],
        }

    async def _request_once(self, variables: dict[str, str]) -> None:
        settings = {
            "GATEWAY_DATA_DIR": str(self._directory),
            "GATEWAY_BACKEND": "scripted",
            "GATEWAY_TELEMETRY__ENDPOINT": self._collector.url,
        }
        process = await asyncio.create_subprocess_exec(
            *(GATEWAY, "serve", "--port", "0"),
            env=os.environ | settings | variables,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        assert process.stdout is not None
        try:
            async with asyncio.timeout(SECONDS):
                url = ""
                while not url:
                    line = (await process.stdout.readline()).decode()
                    assert line, (await process.communicate())[1].decode()
                    url = line.split()[-1] if "serving on" in line else ""
                async with httpx.AsyncClient(trust_env=False) as client:
                    assert (await client.post(f"{url}/chat", headers=TRACEPARENT)).status_code == 401
                process.send_signal(signal.SIGTERM)
                _, error = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        assert b"OTEL" not in error
        assert b"Traceback" not in error


@pytest.fixture
async def sent_by_gateway(tmp_path: Path, collector: CollectorServer) -> SentByGateway:
    return SentByGateway(tmp_path, collector)


@pytest.mark.parametrize(
    "variables", [UNWELCOME, dict.fromkeys(NAMES, "nonsense")], ids=["unwelcome", "nonsense"]
)
async def test_environment_variables_of_libraries_have_no_effect(
    sent_by_gateway: SentByGateway, variables: dict[str, str]
) -> None:
    expected = await sent_by_gateway({})
    assert [name for name, *_ in expected["spans"]] == ["authenticate", "POST /chat"]
    assert ("gateway_requests", "sum", 0) in expected["metrics"]
    assert await sent_by_gateway(variables) == expected
