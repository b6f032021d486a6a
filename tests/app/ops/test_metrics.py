import re

import pytest
from prometheus_client.parser import text_string_to_metric_families

from app.ops.metrics import CONTENT_TYPE, Metrics
from app.record.request_record import RequestRecord
from inference import BackendStatus, DeviceLoad, WorkerStatus


class FakeBackend:
    def __init__(self) -> None:
        self.workers = [WorkerStatus("0", "cpu", True, running=2, waiting=3, kv_used=10, kv_total=64)]
        self.loads: list[DeviceLoad] = []

    def status(self) -> BackendStatus:
        return BackendStatus(tuple(self.workers))

    def device_loads(self) -> tuple[DeviceLoad, ...]:
        return tuple(self.loads)


class FakeLimiter:
    is_degraded = False


class FakeUsageWriter:
    written, spooled, dropped = 5, 2, 1
    is_file_failing, in_memory = True, 3


@pytest.fixture
def backend():
    return FakeBackend()


@pytest.fixture
def limiter():
    return FakeLimiter()


@pytest.fixture
def metrics(backend, limiter):
    return Metrics(backend, limiter, FakeUsageWriter(), "1.2.3")


@pytest.fixture
def observe(metrics):
    def observe(record: RequestRecord) -> None:
        metrics.observe(record, record.outcome, 0.3)

    return observe


@pytest.fixture
def value(metrics):
    """The value of one sample, found by its whole name and some of its labels; None if absent."""

    def find(name: str, **labels: str) -> float | None:
        for family in text_string_to_metric_families(metrics.expose().decode()):
            for sample in family.samples:
                if sample.name == name and labels.items() <= sample.labels.items():
                    return sample.value
        return None

    return find


def generation(**known: object) -> RequestRecord:
    facts = {
        "route": "/chat",
        "status": 200,
        "is_response_sent": True,
        "model": "m",
        "prompt_tokens": 20,
        "completion_tokens": 5,
        "queue_seconds": 0.02,
        "started_at": 100.0,
        "first_output_at": 100.03,
        "last_output_at": 100.23,
    }
    return RequestRecord("req_1", **facts | known)


def test_requests_are_counted_by_route_and_class_of_status(observe, value):
    for status in (200, 201, 404):
        observe(RequestRecord("req_1", route="/chat", status=status, is_response_sent=True))
    assert value("gateway_requests_total", route="/chat", status_class="2xx") == 2
    assert value("gateway_requests_total", route="/chat", status_class="4xx") == 1


def test_what_came_of_a_request_is_told_apart(observe, value):
    observe(RequestRecord("req_1", route="/chat", status=503, error_code="overloaded", is_response_sent=True))
    observe(generation(finish_reason="deadline"))
    assert value("gateway_requests_total", status_class="5xx", outcome="refused") == 1
    assert value("gateway_requests_total", status_class="2xx", outcome="deadline") == 1


def test_refusals_are_counted_by_code_and_failures_are_not(observe, value):
    refused = RequestRecord("req_1", status=429, error_code="rate_limit_exceeded", is_response_sent=True)
    failed = RequestRecord("req_2", status=500, error_code="internal_error", is_response_sent=True)
    for record in (refused, failed):
        observe(record)
    assert value("gateway_refusals_total", code="rate_limit_exceeded") == 1
    assert value("gateway_refusals_total", code="internal_error") is None


@pytest.mark.parametrize(
    ("name", "total"),
    [
        ("gen_ai_server_request_duration_seconds", 0.3),
        ("gen_ai_server_time_to_first_token_seconds", 0.03),
        ("gen_ai_server_time_per_output_token_seconds", 0.05),
        ("gateway_queue_seconds", 0.02),
    ],
)
def test_a_generation_is_timed(observe, value, name, total):
    observe(generation())
    labels = {"gen_ai_operation_name": "chat", "gen_ai_request_model": "m"}
    assert value(f"{name}_count", **labels) == 1
    assert value(f"{name}_sum", **labels) == pytest.approx(total)


def test_tokens_are_counted_by_type(observe, value):
    observe(generation())
    assert value("gen_ai_client_token_usage_sum", gen_ai_token_type="input") == 20
    assert value("gen_ai_client_token_usage_sum", gen_ai_token_type="output") == 5


def test_what_did_not_generate_has_no_generation_metrics(observe, value):
    observe(RequestRecord("req_1", route="/healthz", status=200, is_response_sent=True))
    assert value("gen_ai_server_request_duration_seconds_count") is None


def test_a_failed_generation_says_why(observe, value):
    observe(generation(error_code="generation_failed"))
    observe(generation(finish_reason="deadline"))
    observe(generation())
    name = "gen_ai_server_request_duration_seconds_count"
    assert value(name, error_type="generation_failed") == 1
    assert value(name, error_type="deadline") == 1
    assert value(name, error_type="") == 1


def test_a_transcription_is_another_operation(observe, value):
    observe(generation(route="/v1/audio/transcriptions"))
    assert value("gateway_queue_seconds_count", gen_ai_operation_name="transcribe") == 1


def test_workers_are_asked_at_every_scrape(backend, value):
    assert value("gateway_requests_running", worker="0") == 2
    assert value("gateway_requests_waiting", worker="0") == 3
    assert value("gateway_kv_blocks_used", worker="0") == 10
    assert value("gateway_kv_blocks", worker="0") == 64
    assert value("gateway_worker_healthy", worker="0") == 1
    backend.workers = [WorkerStatus("0", "cpu", False, running=0, waiting=0, kv_used=0, kv_total=64)]
    assert value("gateway_requests_running", worker="0") == 0
    assert value("gateway_worker_healthy", worker="0") == 0


def test_accelerators_are_asked_at_every_scrape_and_processors_are_not(backend, value):
    assert value("gateway_device_memory_used_bytes") is None
    backend.loads = [
        DeviceLoad("0", "cuda:0", 6 << 30, 24 << 30, 0.75),
        DeviceLoad("1", "cuda:1", 1, 2, None),
    ]
    assert value("gateway_device_memory_used_bytes", worker="0", device="cuda:0") == 6 << 30
    assert value("gateway_device_memory_bytes", device="cuda:0") == 24 << 30
    assert value("gateway_device_utilization_ratio", device="cuda:0") == 0.75
    assert value("gateway_device_memory_bytes", device="cuda:1") == 2
    assert value("gateway_device_utilization_ratio", device="cuda:1") is None


def test_what_no_gateway_has_seen_yet_is_declared_all_the_same(metrics):
    text = metrics.expose().decode()
    for name in ("gateway_device_utilization_ratio", "gateway_refusals_total", "gateway_user_requests_total"):
        assert f"# TYPE {name} " in text


def test_state_of_limiter_usage_and_build_is_exposed(limiter, value):
    limiter.is_degraded = True
    assert value("gateway_limiter_degraded") == 1
    assert value("gateway_usage_records_written_total") == 5
    assert value("gateway_usage_records_spooled_total") == 2
    assert value("gateway_usage_records_dropped_total") == 1
    assert value("gateway_usage_records_in_memory") == 3
    assert value("gateway_usage_degraded") == 1
    assert value("gateway_build_info", version="1.2.3") == 1


@pytest.mark.parametrize(
    ("name", "boundaries"),
    [
        (
            "gen_ai_server_request_duration_seconds",
            "0.01 0.02 0.04 0.08 0.16 0.32 0.64 1.28 2.56 5.12 10.24 20.48 40.96 81.92",
        ),
        (
            "gen_ai_server_time_to_first_token_seconds",
            "0.001 0.005 0.01 0.02 0.04 0.06 0.08 0.1 0.25 0.5 0.75 1.0 2.5 5.0 7.5 10.0",
        ),
        (
            "gen_ai_server_time_per_output_token_seconds",
            "0.01 0.025 0.05 0.075 0.1 0.15 0.2 0.3 0.4 0.5 0.75 1.0 2.5",
        ),
        (
            "gen_ai_client_token_usage",
            "1.0 4.0 16.0 64.0 256.0 1024.0 4096.0 16384.0 65536.0 262144.0 "
            "1.048576e+06 4.194304e+06 1.6777216e+07 6.7108864e+07",
        ),
    ],
)
def test_buckets_are_the_published_ones(metrics, observe, name, boundaries):
    observe(generation())
    found = re.findall(rf'^{name}_bucket{{[^}}]*le="([^"]+)"', metrics.expose().decode(), re.MULTILINE)
    assert list(dict.fromkeys(found)) == [*boundaries.split(), "+Inf"]


def test_no_name_has_a_colon_and_two_gateways_do_not_share_counts(metrics, observe, backend, limiter):
    other = Metrics(backend, limiter, FakeUsageWriter(), "1.2.3")
    observe(RequestRecord("req_1", route="/chat", status=200, is_response_sent=True))
    assert b"gateway_requests_total{" not in other.expose()
    assert not re.findall(r"^[a-z_]*:", metrics.expose().decode(), re.MULTILINE)
    assert CONTENT_TYPE.startswith("text/plain; version=0.0.4")


def test_series_have_no_timestamp_of_their_creation(metrics, observe):
    observe(generation())
    assert "_created" not in metrics.expose().decode()
