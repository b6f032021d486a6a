"""Users are named in the metrics where that was asked for, and only so many of them."""

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from app.ops.user_metrics import UserMetrics
from app.record.request_record import RequestRecord


@pytest.fixture
def lines_after():
    """The samples, in the text format, after one request of each user in turn."""

    def observe(max_users: int, *user_ids: str | None) -> list[str]:
        registry = CollectorRegistry()
        metrics = UserMetrics(registry, max_users)
        for number, user_id in enumerate(user_ids):
            record = RequestRecord(f"req_{number}", user_id=user_id, status=200, is_response_sent=True)
            record.model, record.prompt_tokens, record.completion_tokens = "m", 20, 5
            metrics.observe(record, record.outcome, 0.5)
        return [line for line in generate_latest(registry).decode().splitlines() if not line.startswith("#")]

    return observe


def test_requests_tokens_and_time_are_counted_by_user(lines_after):
    lines = lines_after(2, "usr_a", "usr_b", "usr_a", None)
    assert 'gateway_user_requests_total{outcome="ok",user_id="usr_a"} 2.0' in lines
    assert 'gateway_user_requests_total{outcome="ok",user_id="usr_b"} 1.0' in lines
    assert 'gateway_user_request_seconds_total{user_id="usr_a"} 1.0' in lines
    assert 'gateway_user_tokens_total{gen_ai_token_type="input",user_id="usr_a"} 40.0' in lines
    assert 'gateway_user_tokens_total{gen_ai_token_type="output",user_id="usr_b"} 5.0' in lines


def test_users_over_the_bound_are_counted_together(lines_after):
    lines = lines_after(1, "usr_a", "usr_b", "usr_c", "usr_a")
    assert 'gateway_user_requests_total{outcome="ok",user_id="usr_a"} 2.0' in lines
    assert 'gateway_user_requests_total{outcome="ok",user_id="other"} 2.0' in lines
    assert not [line for line in lines if "usr_b" in line or "usr_c" in line]


def test_nobody_is_named_unless_asked_for(lines_after):
    assert lines_after(0, "usr_a", "usr_b") == []
