import pytest

from app.record.request_record import RequestRecord


@pytest.mark.parametrize(
    ("outcome", "known"),
    [
        ("ok", {"status": 200, "is_response_sent": True}),
        ("ok", {"status": 200, "is_response_sent": True, "finish_reason": "length"}),
        ("refused", {"status": 429, "is_response_sent": True, "error_code": "rate_limit_exceeded"}),
        ("refused", {"status": 503, "is_response_sent": True, "error_code": "overloaded"}),
        ("failed", {"status": 503, "is_response_sent": True, "error_code": "database_unavailable"}),
        ("failed", {"status": 500, "is_response_sent": True, "error_code": "internal_error"}),
        ("failed", {"status": 200, "is_response_sent": True, "finish_reason": "error"}),
        ("failed", {"status": 500}),
        ("deadline", {"status": 504, "is_response_sent": True, "error_code": "deadline_exceeded"}),
        ("deadline", {"status": 200, "is_response_sent": True, "finish_reason": "deadline"}),
        ("client_gone", {"status": 200}),
        ("client_gone", {"status": 499, "is_response_sent": True, "error_code": "client_disconnected"}),
    ],
)
def test_outcome_says_how_the_request_ended(outcome, known):
    assert RequestRecord("req_1", **known).outcome == outcome


def test_an_error_event_after_a_200_is_a_failure_not_a_refusal():
    record = RequestRecord("req_1", status=200, is_response_sent=True, error_code="generation_failed")
    assert record.outcome == "failed"


def test_seconds_per_output_token_leaves_the_first_token_out():
    record = RequestRecord("req_1", first_output_at=10.0, last_output_at=12.0, completion_tokens=5)
    assert record.seconds_per_output_token == 0.5


@pytest.mark.parametrize("tokens", [0, 1])
def test_there_is_no_time_per_output_token_without_a_second_one(tokens):
    record = RequestRecord("req_1", first_output_at=10.0, last_output_at=10.0, completion_tokens=tokens)
    assert record.seconds_per_output_token is None


def test_ttft_counts_from_the_arrival():
    record = RequestRecord("req_1", started_at=7.0, first_output_at=7.25)
    assert record.ttft_seconds == 0.25
