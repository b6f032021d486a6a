"""The spans of one request: its response, the gateway's phases, and generations down to the engine's steps.

Names are OpenTelemetry's for HTTP and for GenAI; own attributes start with `gateway.`. No attribute has text,
media, tokens, keys, or a path as the client sent it.
"""

import os
import time
from collections.abc import Iterable, Mapping
from typing import Final

from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from app.record.request_record import Outcome, RequestRecord
from app.record.request_trace import GenerationTrace, Phase, RequestTrace
from app.telemetry.source import Source

Value = str | bool | int | float | tuple[str, ...]

PROVIDER: Final = "autoglm-gateway"
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT"})
_OUTCOME: Final = "gateway.outcome"  # the span of the whole request alone has it
_FAILURES: Final[frozenset[Outcome]] = frozenset({"failed", "deadline"})
_UNFINISHED: Final = frozenset({"deadline", "aborted", "error"})
_SAMPLED: Final = TraceFlags(TraceFlags.SAMPLED)
_UNSET, _ERROR = Status(StatusCode.UNSET), Status(StatusCode.ERROR)


def spans_of(
    source: Source, record: RequestRecord, trace: RequestTrace, outcome: Outcome
) -> list[ReadableSpan]:
    """Call it when the request is over: its span ends now.

    The span of the whole request is the last one, so that it is delivered after all of its parts.
    """
    maker = _SpanMaker(source, trace.trace_id)
    own = maker.context(trace.span_id)
    parent = _add_proxy_span(maker, record, trace)
    for phase in trace.phases:
        _add_phase_span(maker, phase, own)
    for generation in trace.generations:
        _add_generation_spans(maker, record, generation, own)
    _add_server_span(maker, record, outcome, parent, own)
    return maker.spans


def is_of_request(span: ReadableSpan) -> bool:
    """Whether it is the one span of a trace that stands for the whole request."""
    return _OUTCOME in (span.attributes or {})


def weight_of(spans: Iterable[ReadableSpan]) -> int:
    """How much they count towards `MAX_WAITING`."""
    return sum(1 + len(span.events) for span in spans)


class _SpanMaker:
    """Collects the spans of one trace, and converts the process's own clock to Unix time."""

    def __init__(self, source: Source, trace_id: bytes) -> None:
        self.spans: list[ReadableSpan] = []
        self._source = source
        self._trace_id = int.from_bytes(trace_id)
        self.now = time.monotonic()
        self._offset = time.time_ns() - round(self.now * 1e9)

    def nanoseconds(self, seconds: float) -> int:
        """`time.monotonic()` seconds as nanoseconds of Unix time."""
        return self._offset + round(seconds * 1e9)

    def context(self, span_id: bytes, *, is_remote: bool = False) -> SpanContext:
        return SpanContext(self._trace_id, int.from_bytes(span_id), is_remote, _SAMPLED)

    def add(
        self,
        name: str,
        parent: SpanContext | None,
        started_at: float,
        ended_at: float,
        attributes: Mapping[str, Value | None],
        *,
        context: SpanContext | None = None,
        events: Iterable[Event] = (),
        kind: SpanKind = SpanKind.INTERNAL,
        is_failure: bool = False,
    ) -> SpanContext:
        """Return the span's context, a new one by default. Attributes that are None are left out."""
        context = context or self.context(os.urandom(8))
        span = ReadableSpan(
            name,
            context=context,
            parent=parent,
            resource=self._source.resource,
            attributes={key: value for key, value in attributes.items() if value is not None},
            events=tuple(events),
            kind=kind,
            status=_ERROR if is_failure else _UNSET,
            start_time=self.nanoseconds(started_at),
            end_time=self.nanoseconds(max(started_at, ended_at)),
            instrumentation_scope=self._source.scope,
        )
        self.spans.append(span)
        return context


def _add_proxy_span(maker: _SpanMaker, record: RequestRecord, trace: RequestTrace) -> SpanContext | None:
    """Return the parent of the request's span.

    nginx exports no spans itself: it sends its time as a header, which becomes a span around the gateway's.
    """
    remote = None if trace.context is None else maker.context(trace.context.span_id, is_remote=True)
    if trace.proxy_seconds is None:
        return remote
    is_begun_by_proxy = trace.context is not None and trace.context.is_begun_by_proxy
    return maker.add(
        "nginx",
        None if is_begun_by_proxy else remote,
        record.started_at - trace.proxy_seconds,
        maker.now,
        {"gateway.proxy.seconds": trace.proxy_seconds},
        context=remote if is_begun_by_proxy else None,
        kind=SpanKind.SERVER,
    )


def _add_server_span(
    maker: _SpanMaker, record: RequestRecord, outcome: Outcome, parent: SpanContext | None, own: SpanContext
) -> None:
    method = record.method if record.method in METHODS else "_OTHER"
    name = method if method != "_OTHER" else "HTTP"
    maker.add(
        f"{name} {record.route}",
        parent,
        record.started_at,
        maker.now,
        {
            "http.request.method": method,
            "http.route": record.route,
            "http.response.status_code": record.status,
            "error.type": record.error_code,
            "user.id": record.user_id,
            _OUTCOME: outcome,
        },
        context=own,
        kind=SpanKind.SERVER,
        is_failure=outcome in _FAILURES,
    )


def _add_phase_span(maker: _SpanMaker, phase: Phase, parent: SpanContext) -> None:
    attributes = {**phase.attributes, "error.type": phase.error_type}
    is_failure = phase.error_type is not None
    maker.add(phase.name, parent, phase.started_at, phase.ended_at, attributes, is_failure=is_failure)


def _add_generation_spans(
    maker: _SpanMaker, record: RequestRecord, generation: GenerationTrace, parent: SpanContext
) -> None:
    ended_at = maker.now if generation.ended_at is None else generation.ended_at
    operation, params, timeline = generation.task, generation.sampling_params, generation.timeline
    finish_reason, first_output_at = generation.finish_reason, generation.first_output_at
    error_type: str | None = None
    if finish_reason is None:  # refused, or given up by the client
        error_type = record.error_code or "aborted"
    elif finish_reason in _UNFINISHED:
        error_type = finish_reason
    own = maker.add(
        f"{operation} {generation.model}",
        parent,
        generation.started_at,
        ended_at,
        {
            "gen_ai.operation.name": operation,
            "gen_ai.provider.name": PROVIDER,
            "gen_ai.request.model": generation.model,
            "gen_ai.request.max_tokens": params.max_tokens,
            "gen_ai.request.temperature": float(params.temperature),
            "gen_ai.request.top_p": float(params.top_p),
            "gen_ai.request.top_k": params.top_k or None,
            "gen_ai.request.frequency_penalty": float(params.frequency_penalty),
            "gen_ai.request.seed": params.seed,
            "gen_ai.response.model": generation.model,
            "gen_ai.response.id": record.request_id,
            "gen_ai.response.finish_reasons": None if finish_reason is None else (finish_reason,),
            "gen_ai.response.time_to_first_chunk": (
                None if first_output_at is None else first_output_at - generation.started_at
            ),
            "gen_ai.usage.input_tokens": generation.usage.prompt_tokens,
            "gen_ai.usage.output_tokens": generation.usage.completion_tokens,
            "gen_ai.usage.cache_read.input_tokens": timeline.cached_tokens or None,
            "gen_ai.usage.reasoning.output_tokens": generation.usage.reasoning_tokens or None,
            "gen_ai.output.type": "text",
            "gateway.backend": generation.backend,
            "error.type": error_type,
        },
        is_failure=error_type is not None,
    )
    _add_engine_spans(maker, generation, ended_at, own)


def _add_engine_spans(
    maker: _SpanMaker, generation: GenerationTrace, ended_at: float, parent: SpanContext
) -> None:
    """Waiting, prefill and decoding; what did not begin has no span."""
    timeline = generation.timeline
    begun_at, first_token_at = timeline.begun_at, timeline.first_token_at
    worker = {"gateway.worker": timeline.worker or None}
    maker.add("queue", parent, generation.started_at, begun_at or ended_at, worker)
    if begun_at is None:
        return
    maker.add(
        "prefill",
        parent,
        begun_at,
        first_token_at or ended_at,
        worker
        | {
            "gateway.engine.steps": timeline.prefill_steps,
            "gateway.engine.cached_tokens": timeline.cached_tokens,
        },
        events=(
            Event("step", {"gateway.engine.tokens": tokens}, maker.nanoseconds(ended_at))
            for ended_at, tokens in timeline.chunks
        ),
    )
    if first_token_at is None:
        return
    maker.add(
        "decode",
        parent,
        first_token_at,
        timeline.last_token_at or ended_at,
        worker
        | {
            "gateway.engine.steps": timeline.decode_steps,
            "gateway.engine.longest_step_seconds": timeline.longest_step_seconds,
            "gateway.engine.preemptions": timeline.preemptions,
        },
    )
