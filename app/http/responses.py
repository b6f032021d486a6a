"""The responses of the native routes: one JSON document, or the events of a stream."""

import time
from collections.abc import AsyncGenerator
from typing import Any

import orjson
from fastapi import Request, Response

from app.errors import GenerationError, InvalidRequest
from app.http.action_field import action_field
from app.http.call import Call, OutputOptions
from app.http.disconnect import AbortOnDisconnect
from app.http.error_handlers import gateway_error_of
from app.http.event_stream import Begin, EventStreamResponse, native_event
from app.http.generation import Completion, Generation
from app.http.queue_notices import native_notice
from app.http.resumption import record_if_asked
from app.schemas.generation import SamplingFields
from app.schemas.problems import problem_of
from app.schemas.speech import NoResponse
from app.sentence import Sentence, engine_reason, of_field
from inference import ActionOutput, FinishReason, InvalidGrammar, Message


class JSONResponse(Response):
    """orjson, without FastAPI's second validation of what was built here."""

    media_type = "application/json"

    def __init__(self, content: dict[str, Any], headers: dict[str, str] | None = None) -> None:
        super().__init__(orjson.dumps(content), headers=headers)


async def respond(
    request: Request, call: Call, messages: list[Message], body: SamplingFields, *, action: bool = False
) -> Response:
    """One generation, whole or streamed, as /chat and /vision give it. `action`: of a phone agent."""
    output = OutputOptions(output_format=ActionOutput()) if action else OutputOptions()

    async def begin() -> Generation:
        try:
            return await call.begin(
                messages, body.to_sampling_params(), enable_thinking=body.enable_thinking, output=output
            )
        except InvalidGrammar as error:
            reason = Sentence("{reason}.", reason=engine_reason(error.reason))
            raise InvalidRequest(of_field("action", reason), param="action") from None

    async def begin_events() -> AsyncGenerator[bytes, None]:
        return native_events(call, await begin(), body.return_reasoning, action=action)

    record_if_asked(request, call, stream=body.stream, fields=body)
    if body.stream:
        return native_stream(call, begin_events)
    async with AbortOnDisconnect(request.receive):
        generation = await begin()
        completion = await generation.collect()
    more = action_field(completion.text) if action else {}
    return generation_response(call, completion, body.return_reasoning, **more)


def native_stream(call: Call, begin: Begin) -> EventStreamResponse:
    """See `EventStreamResponse`."""
    return EventStreamResponse(begin, lambda error: [error_event(call, 1, error)], native_notice(call))


def generation_response(
    call: Call, completion: Completion, return_reasoning: bool, **more: Any
) -> JSONResponse:
    """The bytes of a `GenerationResponse`; `more` adds fields such as the transcript."""
    content: dict[str, Any] = {
        "id": call.record.request_id,
        "model": call.services.backend.model_card.name,
        "content": completion.text,
        "finish_reason": completion.finish_reason,
        "usage": usage_of(call),
        "timings": timings_of(call),
    }
    if return_reasoning:
        content["reasoning"] = completion.reasoning
    return JSONResponse(content | more)


async def native_events(
    call: Call,
    generation: Generation,
    return_reasoning: bool,
    first_number: int = 1,
    *,
    action: bool = False,
) -> AsyncGenerator[bytes, None]:
    """`event: delta` …, then `event: done` or `event: error`."""
    number = first_number
    whole: list[str] = []
    finish_reason: FinishReason | None = None
    try:
        async for delta in generation:
            payload = {}
            if delta.text:
                payload["text"] = delta.text
                if action:
                    whole.append(delta.text)
            if delta.reasoning and return_reasoning:
                payload["reasoning"] = delta.reasoning
            if payload:
                yield native_event("delta", number, payload)
                number += 1
            finish_reason = delta.finish_reason or finish_reason
    except Exception as error:
        yield error_event(call, number, error)
        return
    if finish_reason in ("stop", "length", "deadline"):
        yield done_event(call, number, finish_reason, **action_field("".join(whole)))
    else:
        yield error_event(call, number, GenerationError())


def done_event(call: Call, number: int, finish_reason: FinishReason | NoResponse, **more: Any) -> bytes:
    """`more` adds fields such as the action."""
    done = {"finish_reason": finish_reason, "usage": usage_of(call), "timings": timings_of(call)}
    return native_event("done", number, more | done)


def error_event(call: Call, number: int, error: Exception) -> bytes:
    gateway_error = gateway_error_of(error)
    call.record.error_code = gateway_error.code
    return native_event(
        "error", number, problem_of(gateway_error, call.record.request_id, language=call.language)
    )


def usage_of(call: Call) -> dict[str, int]:
    record = call.record
    return {
        "prompt_tokens": record.prompt_tokens,
        "completion_tokens": record.completion_tokens,
        "total_tokens": record.prompt_tokens + record.completion_tokens,
    }


def timings_of(call: Call) -> dict[str, float]:
    record = call.record
    total = time.monotonic() - record.started_at
    ttft = record.ttft_seconds
    return {
        "queue_ms": round(record.queue_seconds * 1000, 3),
        "ttft_ms": round((total if ttft is None else ttft) * 1000, 3),
        "total_ms": round(total * 1000, 3),
    }
