"""What a stream says while its request waits for the engine: where, and for how long, as far as is known."""

import math
from collections.abc import Callable

from app.http.call import Call
from app.http.event_stream import Notice, named_event


def native_notice(call: Call) -> Notice:
    """`event: queued`, without a number: a client that resumes does not miss it."""
    return _notice(call, lambda fields: named_event("queued", fields))


def comment_notice(call: Call) -> Notice:
    """A comment, which the readers of `/v1` skip."""
    return _notice(call, _comment)


def _notice(call: Call, encode: Callable[[dict[str, int]], bytes]) -> Notice:
    def notice() -> bytes | None:
        wait = call.wait
        if wait is None:
            return None
        fields = {}
        if wait.position is not None:
            fields["position"] = wait.position
        if wait.expected_seconds is not None:
            fields["expected_wait_seconds"] = max(1, math.ceil(wait.expected_seconds))
        return encode(fields)

    if call.exchange.recording is not None:
        call.exchange.recording.notice = notice  # each reader is told on its own connection
    return notice


def _comment(fields: dict[str, int]) -> bytes:
    words = [f"{name}={value}" for name, value in fields.items()]
    return f": {' '.join(['queued', *words])}\n".encode("ascii")
