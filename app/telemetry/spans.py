"""The spans of one request: its answer, the gateway's phases, and each generation down to the engine's steps.

Names are OpenTelemetry's for HTTP and for GenAI; own attributes start with `gateway.`. No attribute has text,
media, tokens, keys, or a path as it was asked for.
"""

import os
import time
from collections.abc import Mapping
from typing import Final

from opentelemetry.proto.trace.v1.trace_pb2 import ScopeSpans, Span, Status

from app.record.request_record import Outcome, RequestRecord
from app.record.request_trace import GenerationTrace, Phase, RequestTrace
from app.telemetry.attributes import Value, key_values

PROVIDER: Final = "autoglm-gateway"
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT"})
_FAILURES: Final[frozenset[Outcome]] = frozenset({"failed", "deadline"})
_UNFINISHED: Final = frozenset({"deadline", "aborted", "error"})


def add_spans(scope_spans: ScopeSpans, record: RequestRecord, trace: RequestTrace, outcome: Outcome) -> None:
    """Call it when the request is over: the first span ends now.

    They are made inside the message that they belong to, which would otherwise copy them.
    """
    maker = _SpanMaker(scope_spans, trace.trace_id)
    _add_proxy_and_server_spans(maker, record, trace, outcome)
    for phase in trace.phases:
        _add_phase_span(maker, phase, trace.span_id)
    for generation in trace.generations:
        _add_generation_spans(maker, record, generation, trace.span_id)


class _SpanMaker:
    """Turns the process's own clock into the world's."""

    def __init__(self, scope_spans: ScopeSpans, trace_id: bytes) -> None:
        self._spans = scope_spans.spans
        self._trace_id = trace_id
        self.now = time.monotonic()
        self._offset = time.time_ns() - round(self.now * 1e9)

    def nanoseconds(self, moment: float) -> int:
        return self._offset + round(moment * 1e9)

    def add(
        self,
        name: str,
        parent_span_id: bytes,
        started_at: float,
        ended_at: float,
        attributes: Mapping[str, Value | None],
        *,
        span_id: bytes | None = None,
        kind: "Span.SpanKind.ValueType" = Span.SPAN_KIND_INTERNAL,
        is_failure: bool = False,
    ) -> Span:
        span: Span = self._spans.add(
            trace_id=self._trace_id,
            span_id=span_id or os.urandom(8),
            parent_span_id=parent_span_id,
            name=name,
            kind=kind,
            start_time_unix_nano=self.nanoseconds(started_at),
            end_time_unix_nano=self.nanoseconds(max(started_at, ended_at)),
            attributes=key_values(attributes),
        )
        if is_failure:
            span.status.code = Status.STATUS_CODE_ERROR
        return span


def _add_proxy_and_server_spans(
    maker: _SpanMaker, record: RequestRecord, trace: RequestTrace, outcome: Outcome
) -> None:
    """nginx sends no spans itself; what it says of its time becomes one, around ours."""
    parent_span_id = b"" if trace.context is None else trace.context.span_id
    if trace.proxy_seconds is not None:
        is_begun_by_proxy = trace.context is not None and trace.context.is_begun_by_proxy
        proxy = maker.add(
            "nginx",
            b"" if is_begun_by_proxy else parent_span_id,
            record.started_at - trace.proxy_seconds,
            maker.now,
            {"gateway.proxy.seconds": trace.proxy_seconds},
            span_id=parent_span_id if is_begun_by_proxy else None,
            kind=Span.SPAN_KIND_SERVER,
        )
        parent_span_id = proxy.span_id
    _add_server_span(maker, record, trace, outcome, parent_span_id)


def _add_server_span(
    maker: _SpanMaker, record: RequestRecord, trace: RequestTrace, outcome: Outcome, parent_span_id: bytes
) -> None:
    method = record.method if record.method in METHODS else "_OTHER"
    name = method if method != "_OTHER" else "HTTP"
    maker.add(
        f"{name} {record.route}",
        parent_span_id,
        record.started_at,
        maker.now,
        {
            "http.request.method": method,
            "http.route": record.route,
            "http.response.status_code": record.status,
            "error.type": record.error_code,
            "user.id": record.user_id,
            "gateway.outcome": outcome,
        },
        span_id=trace.span_id,
        kind=Span.SPAN_KIND_SERVER,
        is_failure=outcome in _FAILURES,
    )


def _add_phase_span(maker: _SpanMaker, phase: Phase, parent_span_id: bytes) -> None:
    attributes: dict[str, Value | None] = {**phase.attributes, "error.type": phase.error_type}
    maker.add(
        phase.name,
        parent_span_id,
        phase.started_at,
        phase.ended_at,
        attributes,
        is_failure=phase.error_type is not None,
    )


def _add_generation_spans(
    maker: _SpanMaker, record: RequestRecord, generation: GenerationTrace, parent_span_id: bytes
) -> None:
    ended_at = maker.now if generation.ended_at is None else generation.ended_at
    operation, params, timeline = generation.task, generation.sampling_params, generation.timeline
    finish_reason, first_output_at = generation.finish_reason, generation.first_output_at
    error_type: str | None = None
    if finish_reason is None:  # refused, or given up by the client
        error_type = record.error_code or "aborted"
    elif finish_reason in _UNFINISHED:
        error_type = finish_reason
    span = maker.add(
        f"{operation} {generation.model}",
        parent_span_id,
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
            "error.type": error_type,
        },
        is_failure=error_type is not None,
    )
    _add_engine_spans(maker, generation, ended_at, span.span_id)


def _add_engine_spans(
    maker: _SpanMaker, generation: GenerationTrace, ended_at: float, parent_span_id: bytes
) -> None:
    """Waiting, prefill and decoding; what did not begin has no span."""
    timeline = generation.timeline
    begun_at, first_token_at = timeline.begun_at, timeline.first_token_at
    worker = {"gateway.worker": timeline.worker or None}
    maker.add("queue", parent_span_id, generation.started_at, begun_at or ended_at, worker)
    if begun_at is None:
        return
    prefill = maker.add(
        "prefill",
        parent_span_id,
        begun_at,
        first_token_at or ended_at,
        worker
        | {
            "gateway.engine.steps": timeline.prefill_steps,
            "gateway.engine.cached_tokens": timeline.cached_tokens,
        },
    )
    for moment, tokens in timeline.chunks:
        prefill.events.add(
            name="step",
            time_unix_nano=maker.nanoseconds(moment),
            attributes=key_values({"gateway.engine.tokens": tokens}),
        )
    if first_token_at is None:
        return
    maker.add(
        "decode",
        parent_span_id,
        first_token_at,
        timeline.last_token_at or ended_at,
        worker
        | {
            "gateway.engine.steps": timeline.decode_steps,
            "gateway.engine.longest_step_seconds": timeline.longest_step_seconds,
            "gateway.engine.preemptions": timeline.preemptions,
        },
    )
