"""`POST /chat`: text and optional images in; one generation out, whole or streamed."""

from fastapi import APIRouter, Request, Response

from app.http.body.forms import read_json
from app.http.call import call_of
from app.http.guard import guarded
from app.http.messages import chat_messages
from app.http.openapi import GENERATION_ERRORS, request_body, streamed_or_whole
from app.http.responses import respond
from app.schemas.chat import ChatRequest
from app.schemas.generation import DeltaEvent, DoneEvent, GenerationResponse, QueuedEvent
from app.schemas.problems import Problem, problem_responses

router = APIRouter(tags=["generation"], route_class=guarded("chat", generates=True, takes_media=True))


@router.post(
    "/chat",
    operation_id="chat",
    summary="Ask the model",
    responses=streamed_or_whole(GenerationResponse, [QueuedEvent, DeltaEvent, DoneEvent, Problem])
    | problem_responses(*GENERATION_ERRORS),
    openapi_extra=request_body({"application/json": (ChatRequest, {})}),
)
async def chat(request: Request) -> Response:
    """`messages` or `prompt`, and up to ten images in base64. With `stream`, server-sent events."""
    call = call_of(request.scope)
    body = await read_json(request, ChatRequest)
    call.check_image_count(len(body.images))
    await call.reserve(body.max_tokens)
    budget = await call.media_budget(len(body.images))
    messages = await chat_messages(body, call.services.media, budget)
    return await respond(request, call, messages, body, action=body.action)
