"""Which `traceparent` is believed; https://www.w3.org/TR/trace-context/ has the form."""

import pytest

from app.record.trace_context import TraceContext, proxy_seconds_of, trace_context_of

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
CONTEXT = TraceContext(bytes.fromhex(TRACE), bytes.fromhex(SPAN))


@pytest.mark.parametrize("flags", ["00", "01"])
def test_flags_of_others_change_nothing(flags: str) -> None:
    assert trace_context_of([(b"traceparent", f"00-{TRACE}-{SPAN}-{flags}".encode())]) == CONTEXT


def test_later_version_may_have_more_fields() -> None:
    assert trace_context_of([(b"traceparent", f"cc-{TRACE}-{SPAN}-01-what-comes".encode())]) == CONTEXT


@pytest.mark.parametrize(
    "value",
    [
        "",
        f"00-{TRACE}-{SPAN}",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{TRACE}0-{SPAN}-01",
        f" 00-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01\n",
    ],
)
def test_malformed_header_begins_a_trace_of_our_own(value: str) -> None:
    assert trace_context_of([(b"traceparent", value.encode())]) is None


def test_two_headers_are_none() -> None:
    header = (b"traceparent", f"00-{TRACE}-{SPAN}-01".encode())
    assert trace_context_of([header, header]) is None
    assert trace_context_of([]) is None


@pytest.mark.parametrize("value", ["", "1", "-1.000", "1e9", "nan", "12345.000", "1.0000", "1.000 "])
def test_malformed_seconds_of_a_proxy_are_none(value: str) -> None:
    assert proxy_seconds_of([(b"x-proxy-seconds", value.encode())]) is None


def test_seconds_of_a_proxy_are_read_where_they_are_said_once() -> None:
    header = (b"x-proxy-seconds", b"4.250")
    assert proxy_seconds_of([header]) == 4.25
    assert proxy_seconds_of([header, header]) is None
    assert proxy_seconds_of([]) is None
