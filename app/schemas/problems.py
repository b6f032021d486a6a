"""The two formats of errors, and their declaration in the OpenAPI document."""

import re
from collections.abc import Iterable, Sequence
from http import HTTPStatus
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.errors import GatewayError
from app.localisation import Language, translate

PROBLEM_JSON: Final = "application/problem+json"


class FieldError(BaseModel):
    field: str = Field(description="its dotted path", examples=["messages.0.content"])
    message: str = Field(examples=["Field required"])


def field_error(field: str, message: str) -> FieldError:
    """`message` may be a `Sentence`, and stays one until it is rendered."""
    return FieldError.model_construct(field=field, message=message)


class Problem(BaseModel):
    """An RFC 9457 problem document. `code` is stable; `detail` says what to do."""

    model_config = ConfigDict(extra="forbid")

    type: str = Field(examples=["urn:autoglm-gateway:problem:rate_limit_exceeded"])
    title: str = Field(examples=["Too Many Requests"])
    status: int = Field(ge=400, le=599, examples=[429])
    detail: str = Field(examples=["Too many requests in the last minute. Wait for Retry-After seconds."])
    code: str = Field(pattern="^[a-z0-9_]+$", examples=["rate_limit_exceeded"])
    request_id: str = Field(examples=["req_5f0c9a8b7d6e4f3a"])
    errors: list[FieldError] = Field(default_factory=list, description="which fields are invalid, and why")


class OAuthProblem(Problem):
    """A problem document that is also an error response of OAuth 2.0 (RFC 6749, section 5.2)."""

    error: Literal[
        "invalid_request",
        "invalid_grant",
        "unsupported_grant_type",
        "temporarily_unavailable",
        "server_error",
    ] = Field(examples=["invalid_grant"])
    error_description: str = Field(examples=["The refresh token is not valid. Sign in again."])


class OpenAIErrorBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    message: str
    type: str = Field(examples=["invalid_request_error"])
    param: str = Field(description="the invalid field; empty when there is none")
    code: str = Field(pattern="^[a-z0-9_]+$", examples=["invalid_request"])


class OpenAIError(BaseModel):
    """The format of errors under /v1."""

    model_config = ConfigDict(extra="forbid")

    error: OpenAIErrorBody


REASONS: Final[dict[int, str]] = {
    400: "The body is malformed",
    401: "No valid access token",
    403: "The token does not have the scope that this route requires",
    404: "Not found",
    405: "This address does not support that method",
    408: "The body did not arrive in time",
    409: "It already exists, or its Idempotency-Key is in use",
    410: "The rest of the response is gone",
    413: "The body is larger than this route allows",
    415: "This route does not accept that content type, or a compressed body",
    422: "The request is not valid",
    429: "A limit is exceeded; wait for Retry-After seconds",
    500: "The gateway or the model failed on this request",
    503: "At capacity, or something that the route requires is unavailable; wait for Retry-After seconds",
    504: "The response was not complete in time",
}

_HEADERS: Final[dict[str, dict[str, Any]]] = {
    "X-Request-ID": {"description": "identifies this request in the logs", "schema": {"type": "string"}},
    "Retry-After": {"description": "seconds to wait", "schema": {"type": "integer", "minimum": 0}},
    "Idempotency-Replayed": {
        "description": "`true`: the response of an earlier request with the same Idempotency-Key",
        "schema": {"type": "string"},
    },
    "Content-Language": {
        "description": "of the sentences: by Accept-Language",
        "schema": {"type": "string", "enum": ["en", "zh-Hans"]},
    },
    "Accept-Encoding": {"description": "codings of a body that are accepted", "schema": {"type": "string"}},
    "WWW-Authenticate": {"description": "how to authenticate (RFC 6750)", "schema": {"type": "string"}},
    "RateLimit": {
        "description": "what remains, as `name;r=remaining;t=seconds`",
        "schema": {"type": "string"},
    },
    "RateLimit-Policy": {
        "description": "the limits in force, as `name;q=quota;w=seconds`",
        "schema": {"type": "string"},
    },
}


def header_docs(*names: str) -> dict[str, dict[str, Any]]:
    return {name: _HEADERS[name] for name in names}


def problem_responses(
    *status_codes: int, schema: type[BaseModel] = Problem
) -> dict[int | str, dict[str, Any]]:
    """The errors of a route, for its `responses=`."""
    return {status_code: _response(status_code, schema) for status_code in _with_common(status_codes)}


def _with_common(status_codes: Iterable[int]) -> list[int]:
    return sorted({*status_codes, 500})


def _response(status_code: int, schema: type[BaseModel]) -> dict[str, Any]:
    names = ["X-Request-ID", "Content-Language"]
    if status_code == 401:
        names.append("WWW-Authenticate")
    if status_code == 415:
        names.append("Accept-Encoding")
    if status_code in (429, 503):
        names.append("Retry-After")
    content_type = "application/json" if schema is OpenAIError else PROBLEM_JSON
    return {
        "description": REASONS[status_code],
        "headers": header_docs(*names),
        "content": {content_type: {"schema": {"$ref": f"#/components/schemas/{schema.__name__}"}}},
    }


def problem_of(
    error: GatewayError,
    request_id: str,
    field_errors: Sequence[FieldError] = (),
    language: Language = "en",
) -> dict[str, Any]:
    """The title and the sentences are translated."""
    problem: dict[str, Any] = {
        "type": f"urn:autoglm-gateway:problem:{error.code}",
        "title": translate(HTTPStatus(error.status_code).phrase, language),
        "status": error.status_code,
        "detail": translate(error.detail, language),
        "code": error.code,
        "request_id": request_id,
    }
    if field_errors:
        problem["errors"] = [
            {"field": item.field, "message": translate(item.message, language)} for item in field_errors
        ]
    return problem


def oauth_problem_of(
    error: GatewayError,
    request_id: str,
    field_errors: Sequence[FieldError] = (),
    language: Language = "en",
) -> dict[str, Any]:
    """`error_description` stays in English: OAuth 2.0 allows no other characters."""
    if error.code in _OAUTH_CODES:
        oauth_error = error.code
    elif error.status_code in (429, 503):
        oauth_error = "temporarily_unavailable"
    else:
        oauth_error = "server_error" if error.status_code >= 500 else "invalid_request"
    description = _NOT_IN_DESCRIPTIONS.sub("'", error.detail)
    members = {"error": oauth_error, "error_description": description}
    return problem_of(error, request_id, field_errors, language) | members


def openai_error_of(error: GatewayError, language: Language = "en") -> dict[str, Any]:
    default = "invalid_request_error" if error.status_code < 500 else "server_error"
    return {
        "error": {
            "message": translate(error.detail, language),
            "type": _OPENAI_TYPES.get(error.status_code, default),
            "param": error.param or "",
            "code": error.code,
        }
    }


_OAUTH_CODES: Final = frozenset({"invalid_grant", "unsupported_grant_type"})
_NOT_IN_DESCRIPTIONS: Final = re.compile(r"[^ !#-\[\]-~]")  # RFC 6749, section 5.2

_OPENAI_TYPES: Final = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
}
