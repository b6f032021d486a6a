"""What Prometheus scrapes. Names and buckets of generations are OpenTelemetry's GenAI conventions.

The gateway's own names start with `gateway_`. No label has values that a client chooses. State (queues, cache
use) is read at scrape time; events are counted as they happen.
"""

import asyncio
from collections.abc import Iterable
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from app.limits.limiter import Limiter
from app.ops.collectors import CounterCollector, HistogramCollector
from app.ops.process_metrics import CollectAll, dump_families, expose_all
from app.ops.user_metrics import UserMetrics
from app.persistence.usage_writer import UsageWriter
from app.record.request_record import Outcome, RequestRecord
from inference import Backend

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

# https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-metrics/ says these boundaries.
REQUEST_DURATION_BUCKETS: Final = tuple(0.01 * 2**exponent for exponent in range(14))  # 0.01 … 81.92 s
TTFT_BUCKETS: Final = (
    *(0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1),
    *(0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0),
)
TIME_PER_TOKEN_BUCKETS: Final = (0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5)
TOKEN_BUCKETS: Final = tuple(float(4**exponent) for exponent in range(14))  # 1 … 67,108,864 tokens

_GENERATION_LABELS: Final = ("gen_ai_operation_name", "gen_ai_request_model")
_WORKER: Final = ("worker", "device")
_OPERATIONS: Final = {"/v1/audio/transcriptions": "transcribe"}  # every other generation is a chat


class Metrics(Collector):
    """One registry for one gateway. Created by `app/lifespan.py`; used from the event loop's thread."""

    def __init__(
        self, backend: Backend, limiter: Limiter, usage_writer: UsageWriter, version: str, max_users: int = 0
    ) -> None:
        self._registry = CollectorRegistry()
        self._collect_all: CollectAll | None = None
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        GCCollector(registry=self._registry)
        self._registry.register(_StateCollector(backend, limiter, usage_writer, version))
        self._requests = CounterCollector(
            "gateway_requests",
            "Responses by route template, class of status and outcome",
            ("route", "status_class", "outcome"),
        )
        self._refusals = CounterCollector("gateway_refusals", "Refused requests by stable code", ("code",))
        self._by_backend = CounterCollector(
            "gateway_generations", "Requests that generated, by the backend that served them", ("backend",)
        )
        for collector in (self._requests, self._refusals, self._by_backend):
            self._registry.register(collector)
        self._generations = _GenerationMetrics(self._registry)
        self._users = UserMetrics(self._registry, max_users)

    def observe(self, record: RequestRecord, outcome: Outcome, total_seconds: float) -> None:
        """Counts one request at its end."""
        self._requests.inc(record.route, f"{record.status // 100}xx", outcome)
        if record.error_code is not None and outcome == "refused":
            self._refusals.inc(record.error_code)
        self._users.observe(record, outcome, total_seconds)
        if record.model is not None:
            self._generations.observe(record, outcome, total_seconds, record.model)
        if record.backend is not None:
            self._by_backend.inc(record.backend)

    def register(self, collector: Collector) -> None:
        """Adds what another part counts itself."""
        self._registry.register(collector)

    def collect(self) -> Iterable[Metric]:
        """All families, as they are now."""
        return self._registry.collect()

    def expose(self) -> bytes:
        """Of this process, in Prometheus' text format, as `CONTENT_TYPE` says."""
        return generate_latest(self._registry)

    def dump(self) -> str:
        """Of this process, for another one of the same gateway."""
        return dump_families(self._registry.collect())

    def join(self, collect_all: CollectAll) -> None:
        """From now on `expose_gateway` shows all processes."""
        self._collect_all = collect_all

    async def expose_gateway(self) -> bytes:
        """Of all processes of this gateway. Raises `TimeoutError` if they cannot be collected."""
        if self._collect_all is None:
            return self.expose()
        return await asyncio.to_thread(expose_all, await self._collect_all())


class _GenerationMetrics:
    def __init__(self, registry: CollectorRegistry) -> None:
        self._duration = HistogramCollector(
            "gen_ai_server_request_duration_seconds",
            "From the request's arrival to the end of its response; error_type is empty on success",
            (*_GENERATION_LABELS, "error_type"),
            REQUEST_DURATION_BUCKETS,
        )
        self._ttft = HistogramCollector(
            "gen_ai_server_time_to_first_token_seconds",
            "From the request's arrival to the first piece of its response",
            _GENERATION_LABELS,
            TTFT_BUCKETS,
        )
        self._time_per_token = HistogramCollector(
            "gen_ai_server_time_per_output_token_seconds",
            "Between two tokens after the first, as a mean of each generation",
            _GENERATION_LABELS,
            TIME_PER_TOKEN_BUCKETS,
        )
        self._tokens = HistogramCollector(
            "gen_ai_client_token_usage",
            "Tokens of a request, as the model counts them",
            (*_GENERATION_LABELS, "gen_ai_token_type"),
            TOKEN_BUCKETS,
        )
        self._queue = HistogramCollector(
            "gateway_queue_seconds",
            "From the request to the engine until it starts",
            _GENERATION_LABELS,
            REQUEST_DURATION_BUCKETS,
        )
        for histogram in (self._duration, self._ttft, self._time_per_token, self._tokens, self._queue):
            registry.register(histogram)

    def observe(self, record: RequestRecord, outcome: Outcome, total_seconds: float, model_name: str) -> None:
        operation = _OPERATIONS.get(record.route, "chat")
        error_type = "" if outcome == "ok" else record.error_code or outcome
        self._duration.observe(total_seconds, operation, model_name, error_type)
        self._queue.observe(record.queue_seconds, operation, model_name)
        self._tokens.observe(record.prompt_tokens, operation, model_name, "input")
        self._tokens.observe(record.completion_tokens, operation, model_name, "output")
        ttft_seconds, time_per_token = record.ttft_seconds, record.seconds_per_output_token
        if ttft_seconds is not None:
            self._ttft.observe(ttft_seconds, operation, model_name)
        if time_per_token is not None:
            self._time_per_token.observe(time_per_token, operation, model_name)


class _StateCollector(Collector):
    """Reads the state of the gateway's parts at each scrape."""

    def __init__(self, backend: Backend, limiter: Limiter, usage_writer: UsageWriter, version: str) -> None:
        self._backend = backend
        self._limiter = limiter
        self._usage_writer = usage_writer
        self._version = version

    def collect(self) -> Iterable[Metric]:
        yield from self._workers()
        yield from self._devices()
        yield from self._usage()
        degraded = GaugeMetricFamily(
            "gateway_limiter_degraded", "1 while Redis is unavailable and limits hold per process or refuse"
        )
        degraded.add_metric((), float(self._limiter.is_degraded))
        yield degraded
        build = GaugeMetricFamily("gateway_build_info", "Always 1", labels=("version",))
        build.add_metric((self._version,), 1.0)
        yield build

    def _workers(self) -> Iterable[Metric]:
        workers = self._backend.status().workers
        for name, documentation, field in (
            ("gateway_worker_healthy", "1 while the worker can serve", "healthy"),
            ("gateway_requests_running", "Generations in the batch", "running"),
            ("gateway_requests_waiting", "Generations queued for the worker", "waiting"),
            (
                "gateway_requests_waiting_batch",
                "Of those queued, the ones of priority batch",
                "waiting_batch",
            ),
            ("gateway_kv_blocks_used", "Blocks of the KV cache in use", "kv_used"),
            ("gateway_kv_blocks", "Blocks of the KV cache in all", "kv_total"),
        ):
            gauge = GaugeMetricFamily(name, documentation, labels=_WORKER)
            for worker in workers:
                gauge.add_metric((worker.worker, worker.device), float(getattr(worker, field)))
            yield gauge
        for name, documentation, field in (
            ("gateway_engine_served", "Requests that the remote engine has begun", "served"),
            ("gateway_engine_failed", "Attempts that it refused for its load, or failed at", "failed"),
        ):
            counter = CounterMetricFamily(name, documentation, labels=_WORKER)
            for worker in workers:
                if (value := getattr(worker, field)) is not None:
                    counter.add_metric((worker.worker, worker.device), value)
            yield counter

    def _devices(self) -> Iterable[Metric]:
        used = GaugeMetricFamily(
            "gateway_device_memory_used_bytes", "Memory of the accelerator in use, by anyone", labels=_WORKER
        )
        total = GaugeMetricFamily(
            "gateway_device_memory_bytes", "Memory of the accelerator in all", labels=_WORKER
        )
        utilization = GaugeMetricFamily(
            "gateway_device_utilization_ratio",
            "Share of the last second in which it computed",
            labels=_WORKER,
        )
        for load in self._backend.device_loads():
            labels = (load.worker, load.device)
            used.add_metric(labels, float(load.memory_used_bytes))
            total.add_metric(labels, float(load.memory_total_bytes))
            if load.utilization is not None:
                utilization.add_metric(labels, load.utilization)
        yield from (used, total, utilization)

    def _usage(self) -> Iterable[Metric]:
        writer = self._usage_writer
        for name, documentation, value in (
            ("gateway_usage_records_written", "Usage records stored in the database", writer.written),
            ("gateway_usage_records_spooled", "Usage records put aside in a file", writer.spooled),
            ("gateway_usage_records_dropped", "Usage records lost", writer.dropped),
        ):
            counter = CounterMetricFamily(name, documentation)
            counter.add_metric((), float(value))
            yield counter
        for name, documentation, state in (
            ("gateway_usage_degraded", "1 while usage is kept in memory alone", writer.is_file_failing),
            ("gateway_usage_records_in_memory", "Usage records in no file or database yet", writer.in_memory),
        ):
            gauge = GaugeMetricFamily(name, documentation)
            gauge.add_metric((), float(state))
            yield gauge
