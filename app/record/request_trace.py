"""What a trace contains of one request: recorded while it is served, converted to spans when it is over.

Knows phases and times, nothing of OpenTelemetry. It never holds text, media, tokens or keys.
"""

import os
import time
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Self

from app.errors import GatewayError
from app.record.trace_context import TraceContext
from inference import FinishReason, SamplingParams, Task, Timeline, Usage

Attributes = dict[str, str | int | float]


@dataclass(slots=True)
class GenerationTrace:
    """One generation, from its request to the backend until its end. Times are `time.monotonic()` seconds."""

    task: Task
    model: str
    sampling_params: SamplingParams
    timeline: Timeline = field(default_factory=Timeline)
    started_at: float = field(default_factory=time.monotonic)
    ended_at: float | None = None
    first_output_at: float | None = None
    usage: Usage = field(default_factory=lambda: Usage(0, 0))
    finish_reason: FinishReason | None = None
    backend: str | None = None

    def note_output(self) -> None:
        if self.first_output_at is None:
            self.first_output_at = time.monotonic()

    def end(self, usage: Usage, finish_reason: FinishReason | None) -> None:
        """Without a finish reason it was given up, by the client or by what it needs."""
        self.ended_at = time.monotonic()
        self.usage = usage
        self.finish_reason = finish_reason


class Phase:
    """A part of the gateway's own work: `with record.phase("read body"):`."""

    __slots__ = ("_trace", "attributes", "ended_at", "error_type", "name", "started_at")

    def __init__(self, trace: "RequestTrace", name: str, attributes: Attributes) -> None:
        self._trace = trace
        self.name = name
        self.attributes = attributes
        self.error_type: str | None = None

    def __enter__(self) -> Self:
        self.started_at = time.monotonic()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.ended_at = time.monotonic()
        if exc is not None:
            self.error_type = exc.code if isinstance(exc, GatewayError) else type(exc).__name__
        self._trace.phases.append(self)


class RequestTrace:
    """Made by `Telemetry.begin_trace`, for the requests that are recorded.

    `proxy_seconds` is how long a proxy had the request before; None where there is no proxy that says so.
    """

    __slots__ = ("context", "generations", "phases", "proxy_seconds", "span_id", "trace_id")

    def __init__(self, context: TraceContext | None, proxy_seconds: float | None = None) -> None:
        self.context = context
        self.proxy_seconds = proxy_seconds
        self.trace_id = os.urandom(16) if context is None else context.trace_id
        self.span_id = os.urandom(8)
        self.phases: list[Phase] = []
        self.generations: list[GenerationTrace] = []

    def phase(self, name: str, attributes: Attributes) -> Phase:
        return Phase(self, name, attributes)


class _NoPhase(AbstractContextManager[None]):
    def __exit__(self, *_: object) -> None:
        return None


NO_PHASE: Final = _NoPhase()
