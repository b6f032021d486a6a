"""The OpenAI-compatible routes: any of its SDKs works with a changed base URL."""

import logging
from collections.abc import AsyncGenerator
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response

from app.errors import NotFound
from app.http.body.forms import read_json
from app.http.call import call_of
from app.http.completions import begin_choices, completion_chunks, plan_completion, whole_completion
from app.http.disconnect import AbortOnDisconnect
from app.http.event_stream import OPENAI_END
from app.http.field_errors import field_name
from app.http.guard import guarded
from app.http.messages import chat_completion_messages
from app.http.openai_call import check_model, check_name, model_names, openai_stream
from app.http.openapi import GENERATION_ERRORS, request_body, streamed_or_whole, whole_response
from app.http.responses import JSONResponse
from app.http.resumption import record_if_asked
from app.http.services import Services
from app.http.spoken_messages import read_phrases, reserve_transcripts
from app.schemas.openai import ChatCompletionRequest
from app.schemas.openai_completion import ChatCompletion, ChatCompletionChunk, Model, ModelList
from app.schemas.problems import OpenAIError, problem_responses

logger = logging.getLogger(__name__)

completions = APIRouter(
    prefix="/v1", tags=["openai"], route_class=guarded("chat", generates=True, takes_media=True)
)
models = APIRouter(prefix="/v1", tags=["openai"], route_class=guarded("chat"))


@completions.post(
    "/chat/completions",
    operation_id="createChatCompletion",
    summary="Ask the model, in OpenAI's shape",
    responses=streamed_or_whole(ChatCompletion, [ChatCompletionChunk, OpenAIError], end=OPENAI_END)
    | problem_responses(*GENERATION_ERRORS, 404, schema=OpenAIError),
    openapi_extra=request_body({"application/json": (ChatCompletionRequest, {})}),
)
async def create_chat_completion(request: Request) -> Response:
    """Text, `image_url` (data URIs) and `input_audio` parts. Unknown fields are ignored."""
    call = call_of(request.scope)
    body = await read_json(request, ChatCompletionRequest)
    check_model(call, body.model)
    if body.model_extra and logger.isEnabledFor(logging.DEBUG):
        logger.debug("ignored fields: %s", [field_name(name) for name in list(body.model_extra)[:20]])
    images = body.count_images()
    call.check_image_count(images)
    plan = plan_completion(call.services, body)
    reserved, field = plan.reserved_tokens(call.services), body.max_tokens_field()
    plan = plan.within_quota(await call.reserve(reserved, field))
    budget = await call.media_budget(images, body.count_recordings())
    messages = await chat_completion_messages(body, call.services.media, budget)
    await reserve_transcripts(call, messages, reserved, field)
    record_if_asked(request, call, stream=bool(body.stream))

    async def begin() -> AsyncGenerator[bytes, None]:
        generations = await begin_choices(call, await read_phrases(call, messages), plan)
        return completion_chunks(call, generations, plan)

    if body.stream:
        return openai_stream(call, begin)
    async with AbortOnDisconnect(request.receive):
        generations = await begin_choices(call, await read_phrases(call, messages), plan)
        return JSONResponse(await whole_completion(call, generations, plan))


@models.post("/completions", include_in_schema=False)
async def create_completion(request: Request) -> Response:
    """Clients of the older route are told what to use instead."""
    raise NotFound(
        "There are no completions of a bare prompt. Use POST /v1/chat/completions or /v1/responses."
    )


@models.get(
    "/models",
    operation_id="listModels",
    summary="The models served here",
    responses=whole_response(ModelList) | problem_responses(401, 403, 405, 429, schema=OpenAIError),
)
async def list_models(request: Request) -> Response:
    """One model, under each of its names. `root` is the name that responses have."""
    services = call_of(request.scope).services
    data = [_model(services, name) for name in model_names(services)]
    return JSONResponse({"object": "list", "data": data})


@models.get(
    "/models/{model_id:path}",
    operation_id="getModel",
    summary="A model, by one of its names",
    responses=whole_response(Model)
    | problem_responses(401, 403, 404, 405, 422, 429, 503, schema=OpenAIError),
)
async def get_model(request: Request, model_id: Annotated[str, Path(max_length=200)]) -> Response:
    """The name of a model on the hub may contain a slash."""
    services = call_of(request.scope).services
    check_name(services, model_id)
    return JSONResponse(_model(services, model_id))


def _model(services: Services, name: str) -> dict[str, Any]:
    card = services.backend.model_card
    return {
        "id": name,
        "object": "model",
        "created": card.created,
        "owned_by": "autoglm-gateway",
        "root": card.name,
        "max_model_len": card.context_length,
    }
