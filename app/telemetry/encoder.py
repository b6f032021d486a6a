"""Serialises what is sent, with the resource that all of it comes from."""

import time
import uuid
from collections.abc import Iterable

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.metrics.v1.metrics_pb2 import ResourceMetrics, ScopeMetrics
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from prometheus_client.core import Metric

from app.record.request_record import Outcome, RequestRecord
from app.record.request_trace import RequestTrace
from app.telemetry.attributes import key_values
from app.telemetry.otlp_metrics import metrics_of
from app.telemetry.spans import add_spans


class OTLPEncoder:
    """One per process, whose instance id it chooses."""

    def __init__(self, service_name: str, version: str) -> None:
        self._started_at = time.time_ns()
        self._scope = InstrumentationScope(name="autoglm-gateway", version=version)
        self._resource = Resource(
            attributes=key_values(
                {
                    "service.name": service_name,
                    "service.version": version,
                    "service.instance.id": str(uuid.uuid4()),
                }
            )
        )

    def trace(self, record: RequestRecord, trace: RequestTrace, outcome: Outcome) -> bytes:
        """An export request. Serialised messages of one kind, one behind the other, are their union."""
        request = ExportTraceServiceRequest()
        resource_spans = request.resource_spans.add(resource=self._resource)
        add_spans(resource_spans.scope_spans.add(scope=self._scope), record, trace, outcome)
        return bytes(request.SerializeToString())

    def metrics(self, families: Iterable[Metric]) -> bytes:
        scope_metrics = ScopeMetrics(scope=self._scope, metrics=metrics_of(families, self._started_at))
        resource_metrics = ResourceMetrics(resource=self._resource, scope_metrics=[scope_metrics])
        return bytes(ExportMetricsServiceRequest(resource_metrics=[resource_metrics]).SerializeToString())
