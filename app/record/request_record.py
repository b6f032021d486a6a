"""What is known of one request: written by every part that handles it, read once at its end.

The request log, the metrics and the usage table are made from it. It never holds text, media, tokens
or keys.
"""

import time
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Final, Literal

from starlette.types import Scope

from app.record.request_trace import NO_PHASE, Attributes, RequestTrace
from inference import FinishReason

Outcome = Literal["ok", "refused", "failed", "deadline", "client_gone"]

_REFUSED_AS_5XX: Final = frozenset({"overloaded", "limiter_unavailable"})
_CLIENT_GONE: Final = frozenset({"client_disconnected", "stream_abandoned", "stream_stopped"})
_REVOKED: Final = "token_revoked"


def record_of(scope: Scope) -> "RequestRecord":
    """The record of the request that an ASGI scope belongs to, made by `RequestLogMiddleware`."""
    record: RequestRecord = scope["state"]["record"]
    return record


@dataclass(slots=True)
class RequestRecord:
    """Times are seconds; `started_at` is `time.monotonic()`. `route` is a template, never a raw path.

    `model` is set once the engine has begun: such a request is a generation, and is counted as usage.
    """

    request_id: str
    started_at: float = field(default_factory=time.monotonic)
    route: str = "unmatched"
    method: str = ""
    status: int = 0
    user_id: str | None = None
    model: str | None = None
    backend: str | None = None  # which of several served it; set with the model
    worker: str | None = None  # the remote engine; set with the model
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0  # of the prompt's
    reasoning_tokens: int = 0  # of the completion's
    is_usage_estimated: bool = False  # a remote engine did not report it
    queue_seconds: float = 0.0
    first_output_at: float | None = None
    last_output_at: float | None = None
    finish_reason: FinishReason | None = None
    error_code: str | None = None
    responded_at: float | None = None  # when a response ended that was sent before the body was read
    route_generates: bool = False  # by its route, whether or not it came so far
    is_response_sent: bool = False  # the last byte was handed to the server
    trace: RequestTrace | None = None  # for the requests that are traced

    def phase(self, name: str, attributes: Attributes | None = None) -> AbstractContextManager[object]:
        """Measures what is done inside `with`, if the request is traced."""
        return NO_PHASE if self.trace is None else self.trace.phase(name, attributes or {})

    def note_output(self) -> None:
        now = time.monotonic()
        if self.first_output_at is None:
            self.first_output_at = now
        self.last_output_at = now

    @property
    def ttft_seconds(self) -> float | None:
        return None if self.first_output_at is None else self.first_output_at - self.started_at

    @property
    def seconds_per_output_token(self) -> float | None:
        """The mean after the first token; None where there is no second one."""
        if self.first_output_at is None or self.last_output_at is None or self.completion_tokens < 2:
            return None
        return (self.last_output_at - self.first_output_at) / (self.completion_tokens - 1)

    @property
    def outcome(self) -> Outcome:
        if self.error_code == "deadline_exceeded" or self.finish_reason == "deadline":
            return "deadline"
        if self.error_code is not None and self.error_code not in _CLIENT_GONE:
            if self.error_code == _REVOKED:
                return "refused"  # in the middle of a stream too: the operator's doing, no failure
            if self.error_code in _REFUSED_AS_5XX:
                return "refused"  # in a stream, too, that was open while the request waited
            # An error event ends a stream whose status, long sent, was 200.
            return "refused" if 400 <= self.status < 500 else "failed"
        if self.status >= 500 or self.finish_reason in ("error", "aborted"):
            return "failed"
        is_gone = not self.is_response_sent or self.error_code in _CLIENT_GONE
        return "client_gone" if is_gone else "ok"
