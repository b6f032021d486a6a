"""`POST /chat`: text, and images beside it, in; one answer out, whole or streamed."""

from fastapi import APIRouter, Request, Response

from app.call import Call
from app.dependencies import call_of
from app.openapi import GENERATION_ERRORS, request_body, streamed_or_whole
from app.routes.answers import generation_response, native_events
from app.routes.forms import read_json
from app.routes.guard import guarded
from app.routes.messages import chat_messages
from app.schemas.chat import ChatRequest
from app.schemas.generation import DeltaEvent, DoneEvent, GenerationResponse, SamplingFields
from app.schemas.problems import Problem, problem_responses
from app.streams.disconnect import AbortOnDisconnect
from app.streams.event_stream import EventStreamResponse
from inference import Message

router = APIRouter(tags=["generation"], route_class=guarded("chat", generates=True, takes_media=True))


@router.post(
    "/chat",
    operation_id="chat",
    summary="Ask the model",
    responses=streamed_or_whole(GenerationResponse, [DeltaEvent, DoneEvent, Problem])
    | problem_responses(*GENERATION_ERRORS),
    openapi_extra=request_body({"application/json": (ChatRequest, {})}),
)
async def chat(request: Request) -> Response:
    """`messages` or `prompt`, and up to ten images in base64. With `stream`, server-sent events."""
    call = call_of(request)
    body = await read_json(request, ChatRequest)
    call.check_image_count(len(body.images))
    await call.reserve(body.max_tokens)
    budget = await call.media_budget(len(body.images))
    messages = await chat_messages(body, call.services.media, budget)
    return await answer(request, call, messages, body)


async def answer(request: Request, call: Call, messages: list[Message], body: SamplingFields) -> Response:
    """One generation, whole or streamed; also what `/vision` answers."""
    async with AbortOnDisconnect(request.receive):
        generation = await call.begin(
            messages, body.to_sampling_params(), enable_thinking=body.enable_thinking
        )
        if not body.stream:
            whole = await generation.collect()
            return generation_response(call, whole, body.return_reasoning)
    return EventStreamResponse(native_events(call, generation, body.return_reasoning))
