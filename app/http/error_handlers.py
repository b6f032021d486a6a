"""Turns every error into its response: a problem document or, on `/v1`, OpenAI's shape.

Also maps what `inference`, pydantic and Starlette raise to a `GatewayError`. Does not depend on routes.
"""

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Scope

from app import errors
from app.http.field_errors import field_errors
from app.http.services import Services
from app.localisation import language_of
from app.record.request_record import record_of
from app.schemas.problems import (
    PROBLEM_JSON,
    FieldError,
    OAuthProblem,
    OpenAIError,
    Problem,
    field_error,
    oauth_problem_of,
    openai_error_of,
    problem_of,
)
from app.sentence import Sentence, of_engine, of_field
from inference import (
    BackendUnavailable,
    InferenceError,
    InvalidGrammar,
    InvalidParameter,
    PromptRefused,
    PromptTooLong,
    QueueFull,
    RequestRefused,
    UnsupportedModality,
    UnsupportedParameter,
)

logger = logging.getLogger(__name__)

OAUTH_PATHS = frozenset({"/auth/token", "/auth/revoke"})
NOT_CACHED = {"Cache-Control": "no-store", "Pragma": "no-cache"}  # RFC 6749, section 5.1
OF_A_FIELD = (errors.InvalidJSON, errors.InvalidRequest, errors.InvalidMedia, errors.BodyTooLarge)
RETRY_AFTER_SECONDS = 5  # until something is available again, which nothing measures
SERVICE_UNAVAILABLE = 503
GIVE_BACK: Final = "give_back"  # in a request's state: returns what it has taken from its user's limits
CLIENT_CLOSED_REQUEST = 499  # nginx's number; the client does not receive it


def install_error_handlers(app: FastAPI) -> None:
    for error_type, handler in _HANDLERS.items():
        app.add_exception_handler(error_type, handler)


async def response_to(error: Exception, scope: Scope) -> Response | None:
    """What the installed handlers make of `error`; None where it is none of theirs."""
    for error_type in type(error).__mro__:
        if error_type in _HANDLERS:
            return await _HANDLERS[error_type](Request(scope), error)
    return None


def render(error: errors.GatewayError, scope: Any, fields: Sequence[FieldError] = ()) -> Response:
    """The response to `error` on the route of `scope`."""
    record = record_of(scope)
    record.error_code = error.code
    language = language_of(scope["headers"])
    headers = {**error.headers, "Content-Language": language, "Vary": "Accept-Language"}
    retry_after = error.retry_after_seconds
    if retry_after is None and error.status_code == SERVICE_UNAVAILABLE:
        retry_after = _retry_after_seconds(error, scope)
    if retry_after is not None:
        headers["Retry-After"] = str(retry_after)
    if error.param and not fields and isinstance(error, OF_A_FIELD):
        fields = [field_error(error.param, _reason_of(error))]
    schema, media_type = error_schema_of(scope["path"]), PROBLEM_JSON
    if schema is OpenAIError:
        content = openai_error_of(_with_first_field(error, fields), language)
        media_type = "application/json"
    elif schema is OAuthProblem:
        if isinstance(error, errors.InvalidRequest):
            error = errors.InvalidTokenRequest(error.detail)
        content = oauth_problem_of(error, record.request_id, fields, language)
        headers |= NOT_CACHED
    else:
        content = problem_of(error, record.request_id, fields, language)
    return Response(orjson.dumps(content), error.status_code, headers, media_type)


def _reason_of(error: errors.GatewayError) -> str:
    """Without the name of the field."""
    if isinstance(error.detail, Sentence):
        reason = error.detail.values.get("reason")
        if isinstance(reason, Sentence) and error.detail == of_field(error.param or "", reason):
            return reason
    return error.detail


def _retry_after_seconds(error: errors.GatewayError, scope: Any) -> int:
    """Memory, disk and the engine's queue have room again at the pace at which requests end."""
    if isinstance(error, errors.Overloaded | errors.StorageFull):
        services: Services = scope["app"].state.services
        return services.admission_queue.retry_after_seconds()
    return RETRY_AFTER_SECONDS


def error_schema_of(path: str) -> type[BaseModel]:
    """The format of the errors at that address."""
    if path == "/v1" or path.startswith("/v1/"):
        return OpenAIError
    return OAuthProblem if path in OAUTH_PATHS else Problem


def gateway_error_of(error: Exception) -> errors.GatewayError:
    """The error for the caller when `inference` raises `error`, also in the middle of a stream."""
    match error:
        case errors.GatewayError():
            return error
        case PromptTooLong(prompt_tokens=prompt, max_tokens=max_tokens, context_length=context_length):
            return errors.ContextLengthExceeded(
                Sentence(
                    "This model's maximum context length is {length} tokens. The prompt has {prompt}, "
                    "and max_tokens is {max_tokens}. Shorten one of them.",
                    length=context_length,
                    prompt=prompt,
                    max_tokens=max_tokens,
                ),
                param="messages",
            )
        case RequestRefused(status=413):
            return errors.BodyTooLarge(Sentence("The model's engine does not accept a request of this size."))
        case RequestRefused():
            return errors.PromptRefused(
                Sentence(
                    "The model's engine does not accept this request. Check the order and the roles of the "
                    "messages, and the values of the parameters."
                ),
                param="messages",
            )
        case PromptRefused(reason=reason):
            sentence = Sentence(
                "The model's chat template does not accept these messages: {reason}", reason=reason
            )
            return errors.PromptRefused(sentence, param="messages")
        case InvalidGrammar(field=field, reason=reason):
            return errors.InvalidOutputFormat(of_engine(field, reason), param=field)
        case InvalidParameter(field=field, reason=reason):
            return errors.InvalidRequest(of_engine(field, reason), param=field)
        case UnsupportedModality(modality=modality):
            medium = Sentence("images" if modality == "image" else modality)
            sentence = Sentence("The loaded model does not support {modality}.", modality=medium)
            return errors.ModalityNotSupported(sentence)
        case UnsupportedParameter(field=field):
            sentence = Sentence("The model's engine does not support {field}.", field=field)
            return errors.UnsupportedParameter(sentence, param=field)
        case QueueFull(retry_after_seconds=seconds):
            return errors.Overloaded(retry_after_seconds=seconds)
        case BackendUnavailable(retry_after_seconds=seconds):
            return errors.ServiceUnavailable(retry_after_seconds=seconds)
        case _:
            logger.error("generation failed", exc_info=error)
            return errors.GenerationError()


async def _render_gateway_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, errors.GatewayError)
    return await _refuse(error, request.scope)


async def _render_inference_error(request: Request, error: Exception) -> Response:
    return await _refuse(gateway_error_of(error), request.scope)


async def _refuse(error: errors.GatewayError, scope: Scope) -> Response:
    """A 503 costs the user nothing: it is no limit of theirs."""
    give_back: Callable[[], Awaitable[None]] | None = scope["state"].get(GIVE_BACK)
    if give_back is not None and error.status_code == SERVICE_UNAVAILABLE:
        await give_back()
    return render(error, scope)


async def _render_validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    fields = field_errors(error.errors(), error.body)
    first = fields[0]
    return render(errors.InvalidRequest(of_field(first.field, first.message)), request.scope, fields)


async def _render_http_exception(request: Request, error: Exception) -> Response:
    """FastAPI wraps whatever reading the body raises into an HTTPException; its cause is the real error."""
    assert isinstance(error, HTTPException)
    if isinstance(error.__cause__, errors.GatewayError):
        return await _refuse(error.__cause__, request.scope)
    if isinstance(error.__cause__, ClientDisconnect):
        return await _render_client_disconnect(request, error.__cause__)
    match error.status_code:
        case 404:
            return render(errors.NotFound(), request.scope)
        case 405:
            return render(errors.MethodNotAllowed(headers=error.headers), request.scope)
        case 400:
            return render(errors.InvalidMultipart(), request.scope)
        case _:
            return render(errors.InvalidRequest(), request.scope)


async def _render_client_disconnect(request: Request, error: Exception) -> Response:
    record_of(request.scope).error_code = "client_disconnected"
    return Response(status_code=CLIENT_CLOSED_REQUEST)


def _with_first_field(error: errors.GatewayError, fields: Sequence[FieldError]) -> errors.GatewayError:
    if fields and error.param is None:
        error.param = fields[0].field
    return error


_HANDLERS: Final[dict[type, Callable[[Request, Exception], Awaitable[Response]]]] = {
    errors.GatewayError: _render_gateway_error,
    InferenceError: _render_inference_error,
    RequestValidationError: _render_validation_error,
    HTTPException: _render_http_exception,
    ClientDisconnect: _render_client_disconnect,
}
