"""What is read of wrk's report."""

import pytest

from benchmarks.compiled_load import read_report

REPORT = """Running 2s test @ http://127.0.0.1:9201/
  1 threads and 32 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.17ms    1.55ms  25.40ms   95.58%
    Req/Sec    30.60k     2.22k   34.35k    60.00%
  Latency Distribution
     50%  791.00us
     75%    1.18ms
     90%    1.95ms
     99%    1.51s
  60681 requests in 2.01s, 9.78MB read
"""


def test_report_becomes_numbers_in_seconds_and_bytes() -> None:
    result = read_report(REPORT + "Requests/sec:  30129.77\nTransfer/sec:      4.86MB\n")
    assert (result.requests, result.seconds, result.failures) == (60681, 2.01, 0)
    assert (result.p50, result.p99) == (pytest.approx(791e-6), 1.51)
    assert result.received_bytes == round(9.78 * 1024 * 1024)
    assert result.per_second == pytest.approx(60681 / 2.01)


def test_failures_are_counted_and_are_no_throughput() -> None:
    failed = "  Socket errors: connect 1, read 2, write 3, timeout 4\n  Non-2xx or 3xx responses: 671\n"
    result = read_report(REPORT + failed)
    assert result.failures == 681
    assert result.per_second == pytest.approx(60000 / 2.01)


def test_anything_else_is_refused() -> None:
    with pytest.raises(ValueError, match="not a report of wrk"):
        read_report("unable to connect to 127.0.0.1:9201 Connection refused")
