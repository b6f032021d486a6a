"""`POST /v1/responses`: OpenAI's newer format of a completion. Stateless: nothing is stored."""

from collections.abc import AsyncGenerator
from typing import Final

from fastapi import APIRouter, Request, Response

from app.http.body.forms import read_json
from app.http.call import OutputOptions, call_of
from app.http.completions import CompletionPlan, begin_choices
from app.http.disconnect import AbortOnDisconnect
from app.http.event_stream import EventStreamResponse
from app.http.guard import guarded
from app.http.openai_call import check_model
from app.http.openapi import GENERATION_ERRORS, request_body, streamed_or_whole
from app.http.output_fault import OutputFields
from app.http.queue_notices import comment_notice
from app.http.response_input import response_messages
from app.http.response_output import ResponseOutput, failure_events, response_events, whole_response
from app.http.responses import JSONResponse
from app.http.resumption import record_if_asked
from app.http.services import Services
from app.http.spoken_messages import read_phrases, reserve_transcripts
from app.http.thoughts import thinks
from app.schemas.problems import OpenAIError, problem_responses
from app.schemas.response_object import ResponseEvent, ResponseObject
from app.schemas.response_request import CreateResponseRequest

MAX_TOKENS_FIELD: Final = "max_output_tokens"
OUTPUT_FIELDS: Final = OutputFields("text.format", "text.format.schema", "parameters")

router = APIRouter(
    prefix="/v1", tags=["openai"], route_class=guarded("chat", generates=True, takes_media=True)
)


@router.post(
    "/responses",
    operation_id="createResponse",
    summary="Ask the model, in the shape of OpenAI's Responses",
    responses=streamed_or_whole(ResponseObject, [ResponseEvent])
    | problem_responses(*GENERATION_ERRORS, 404, schema=OpenAIError),
    openapi_extra=request_body({"application/json": (CreateResponseRequest, {})}),
)
async def create_response(request: Request) -> Response:
    """Text, `input_image` (data URIs), `input_audio`, calls of functions and their outputs."""
    call = call_of(request.scope)
    body = await read_json(request, CreateResponseRequest)
    check_model(call, body.model)
    images = body.count_images()
    call.check_image_count(images)
    plan = _plan(call.services, body)
    reserved = plan.reserved_tokens(call.services)
    plan = plan.within_quota(await call.reserve(reserved, MAX_TOKENS_FIELD))
    budget = await call.media_budget(images, body.count_recordings())
    messages = await response_messages(body, call.services.media, budget)
    await reserve_transcripts(call, messages, reserved, MAX_TOKENS_FIELD)
    record_if_asked(request, call, stream=bool(body.stream))
    output = ResponseOutput(call, body, plan)

    async def begin() -> AsyncGenerator[bytes, None]:
        (generation,) = await begin_choices(call, await read_phrases(call, messages), plan)
        return response_events(call, output, generation)

    if body.stream:
        return EventStreamResponse(
            begin, lambda error: list(failure_events(call, output, error)), comment_notice(call)
        )
    async with AbortOnDisconnect(request.receive):
        (generation,) = await begin_choices(call, await read_phrases(call, messages), plan)
        return JSONResponse(await whole_response(output, generation))


def _plan(services: Services, request: CreateResponseRequest) -> CompletionPlan:
    """Thoughts are an item of their own. Raises `UnsupportedParameter`."""
    request.refuse_unsupported()
    output = OutputOptions(
        tools=request.tool_definitions(),
        tool_choice=request.chosen_tool(),
        parallel_tool_calls=request.parallel_tool_calls is not False,
        output_format=request.output_format(),
        fits_context=True,
    )
    return CompletionPlan(
        request.to_sampling_params(services.backend.model_card.context_length),
        output,
        prompt_field="input",
        output_fields=OUTPUT_FIELDS,
        enable_thinking=thinks(services, request.wants_thoughts),
        has_max_tokens=request.max_output_tokens is not None,
        thoughts="hidden" if services.settings.thoughts == "hidden" else "reasoning_content",
    )
