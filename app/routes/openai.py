"""The OpenAI-compatible routes: any of its SDKs works with a changed base URL."""

import logging
from collections.abc import AsyncGenerator
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Request, Response

from app.errors import GenerationError
from app.http.body.forms import read_json
from app.http.call import Call, call_of
from app.http.disconnect import AbortOnDisconnect
from app.http.error_handlers import gateway_error_of
from app.http.event_stream import OPENAI_DONE, OPENAI_END, EventStreamResponse, openai_event
from app.http.field_errors import field_name
from app.http.generation import Generation
from app.http.guard import guarded
from app.http.messages import chat_completion_messages
from app.http.openai_call import check_model, check_name, head_of, model_names
from app.http.openapi import GENERATION_ERRORS, request_body, streamed_or_whole, whole_response
from app.http.responses import JSONResponse, usage_of
from app.http.services import Services
from app.schemas.openai import (
    ChatCompletion,
    ChatCompletionChunk,
    ChatCompletionRequest,
    Model,
    ModelList,
)
from app.schemas.problems import OpenAIError, openai_error_of, problem_responses
from inference import FinishReason

logger = logging.getLogger(__name__)

FINISH_REASONS: Final = {"stop": "stop", "length": "length", "deadline": "length"}  # OpenAI's for ours

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
    call.check_image_count(body.count_images())
    sampling_params = body.to_sampling_params()
    field = "max_tokens" if body.max_completion_tokens is None else "max_completion_tokens"
    await call.reserve(sampling_params.max_tokens, field)
    budget = await call.media_budget(body.count_images(), body.count_recordings())
    messages = await chat_completion_messages(body, call.services.media, budget)
    return_reasoning = bool(body.return_reasoning)
    async with AbortOnDisconnect(request.receive):
        generation = await call.begin(messages, sampling_params, enable_thinking=bool(body.enable_thinking))
        if not body.stream:
            completion = await generation.collect(may_be_cut_off=True)
            message = {"role": "assistant", "content": completion.text}
            if return_reasoning:
                message["reasoning_content"] = completion.reasoning
            finish_reason = FINISH_REASONS[completion.finish_reason]
            choice = {"index": 0, "message": message, "finish_reason": finish_reason}
            head = head_of(call, "chat.completion", "chatcmpl")
            return JSONResponse(head | {"choices": [choice], "usage": usage_of(call)})
    include_usage = body.stream_options is not None and body.stream_options.include_usage
    return EventStreamResponse(_chunks(call, generation, return_reasoning, include_usage))


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
    responses=whole_response(Model) | problem_responses(401, 403, 404, 405, 422, 429, schema=OpenAIError),
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


async def _chunks(
    call: Call, generation: Generation, return_reasoning: bool, include_usage: bool
) -> AsyncGenerator[bytes, None]:
    head = head_of(call, "chat.completion.chunk", "chatcmpl")
    yield _chunk(head, {"role": "assistant", "content": ""})
    try:
        finish_reason: FinishReason | None = None
        async for delta in generation:
            if delta.reasoning and return_reasoning:
                yield _chunk(head, {"reasoning_content": delta.reasoning})
            if delta.text:
                yield _chunk(head, {"content": delta.text})
            finish_reason = delta.finish_reason or finish_reason
        if finish_reason not in FINISH_REASONS:
            raise GenerationError
        yield _chunk(head, {}, FINISH_REASONS[finish_reason])
        if include_usage:
            yield openai_event(head | {"choices": [], "usage": usage_of(call)})
    except Exception as error:
        gateway_error = gateway_error_of(error)
        call.record.error_code = gateway_error.code
        yield openai_event(openai_error_of(gateway_error))
    yield OPENAI_DONE


def _chunk(head: dict[str, Any], delta: dict[str, str], finish_reason: str | None = None) -> bytes:
    choice: dict[str, Any] = {"index": 0, "delta": delta}
    if finish_reason is not None:
        choice["finish_reason"] = finish_reason
    return openai_event(head | {"choices": [choice]})
