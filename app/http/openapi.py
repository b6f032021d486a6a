"""The OpenAPI document: what the routes declare, made true and digestible for code generators.

Optional means absent (no `anyOf` with null), uploads are binary strings, stream events have schemas,
security is declared where the guard requires it, and no response is listed that cannot happen.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, get_args

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel

from app.http.error_handlers import error_schema_of
from app.http.guard import GuardedRoute
from app.http.keyed_response import KEY_HEADER
from app.http.preferences import Preference
from app.schemas.problems import OAuthProblem, OpenAIError, Problem, header_docs, problem_responses

GENERATION_ERRORS: Final = (400, 401, 403, 405, 408, 413, 415, 422, 429, 503, 504)
REF_TEMPLATE: Final = "#/components/schemas/{model}"
SCHEME: Final = "accessToken"
BEFORE_LIMITS: Final = frozenset({"401", "403", "405", "500"})  # sent before the limits are known

ERRORS: Final[tuple[type[BaseModel], ...]] = (Problem, OAuthProblem, OpenAIError)

Responses = dict[int | str, dict[str, Any]]

_KEY_PARAMETER: Final[dict[str, Any]] = {
    "name": KEY_HEADER,
    "in": "header",
    "required": False,
    "description": "random, and new for each new request; a retry has the same. The request runs once, and a "
    "retry gets the same response. With or without quotes",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!#-~][!-~]*$"},
    "example": "8e03978e-40d5-43e8-bc93-6894a57f9324",
}
_PREFER_PARAMETER: Final[dict[str, Any]] = {
    "name": "Prefer",
    "in": "header",
    "required": False,
    "description": "`resumable`: after its connection is lost, a stream can be continued at `/streams/{id}`, "
    "and its events have an `id`. `respond-async`: the response is 202, and what was requested is fetched "
    "from `/streams/{id}` later. Everything else is ignored (RFC 7240)",
    "schema": {"type": "string"},
    "examples": {name: {"value": name} for name in get_args(Preference)},
}
_STREAM_ID: Final[dict[str, Any]] = {
    "Stream-Id": {
        "description": "of a recorded response: its id under `/streams`",
        "schema": {"type": "string"},
    }
}
_PREFERENCE_APPLIED: Final[dict[str, Any]] = {
    "Preference-Applied": {
        "description": "what of `Prefer` holds for this response",
        "schema": {"type": "string"},
    }
}


def streamed_or_whole(
    whole: type[BaseModel],
    events: Sequence[type[BaseModel]],
    *,
    end: str | None = None,
    other_whole: type[BaseModel] | None = None,
    texts: Sequence[str] = (),
) -> Responses:
    """A 200 that is a JSON document or, with `stream`, a sequence of events, ended by `end`.

    `other_whole` is another form of the document, and `texts` are the content types of plain texts.
    """
    responses = whole_response(whole)
    content = responses[200]["content"]
    if other_whole is not None:
        content["application/json"]["schema"] = {"oneOf": [_reference(whole), _reference(other_whole)]}
    content |= {content_type: {"schema": {"type": "string"}} for content_type in texts}
    data: dict[str, Any] = {
        "type": "string",
        "contentMediaType": "application/json",
        "contentSchema": {"oneOf": [_reference(event) for event in events]},
    }
    content["text/event-stream"] = {
        "schema": {
            "description": "server-sent events, each like this",
            "type": "object",
            "properties": {
                "data": data if end is None else {"anyOf": [{"const": end}, data]},
                "event": {"type": "string"},
                "id": {"type": "string"},
            },
            "required": ["data"],
        }
    }
    return responses | {202: _ACCEPTED}


_ACCEPTED: Final[dict[str, Any]] = {
    "description": "Accepted: asked for in the background, the response will be at `/streams/{id}`",
    "headers": {"Location": {"description": "where the response is", "schema": {"type": "string"}}},
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "properties": {
                    "id": {"type": "string"},
                    "status": {"type": "string", "enum": ["queued", "in_progress"]},
                },
                "required": ["id", "status"],
            },
        }
    },
}


def recorded_response() -> Responses:
    """A 200 of any route that generates."""
    return {
        200: {
            "description": "Success",
            "headers": _STREAM_ID,
            "content": {
                "text/event-stream": {"schema": {"type": "string"}},
                "application/json": {"schema": {"type": "object"}},
            },
        }
    }


def whole_response(model: type[BaseModel]) -> Responses:
    content = {"application/json": {"schema": _reference(model)}}
    return {200: {"description": "Success", "content": content}}


def request_body(
    bodies: Mapping[str, tuple[type[BaseModel], Mapping[str, tuple[int, int]]]],
) -> dict[str, Any]:
    """`openapi_extra` of a route that reads its body itself.

    By content type: the schema of the fields, and for each file field how many files at least and most.
    """
    content = {}
    for content_type, (model, files) in bodies.items():
        schema = model.model_json_schema(ref_template=REF_TEMPLATE)
        for name, (least, most) in files.items():
            file = {"type": "string", "format": "binary"}
            many = {"type": "array", "items": file, "minItems": least, "maxItems": most}
            schema["properties"][name] = file if most == 1 else many
            if least:
                schema.setdefault("required", []).append(name)
        content[content_type] = {"schema": schema}
    return {"requestBody": {"required": True, "content": content}}


def build_openapi(app: FastAPI) -> dict[str, Any]:
    """Made once, at the first `GET /openapi.json`."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes
        )
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        for schema in (*map(_reference, ERRORS), *_nodes(document["paths"])):
            for name, definition in schema.pop("$defs", {}).items():
                schemas.setdefault(name, definition)
        for unused in ("HTTPValidationError", "ValidationError"):
            schemas.pop(unused, None)
        _declare_security(app, document)
        _merge_nullable(document, schemas)
        app.openapi_schema = document
    return app.openapi_schema


def _reference(model: type[BaseModel]) -> dict[str, Any]:
    """To the schema of a response, which stands beside it until `build_openapi` puts it in its place."""
    definition = model.model_json_schema(mode="serialization", ref_template=REF_TEMPLATE)
    parts = definition.pop("$defs", {})
    reference = REF_TEMPLATE.format(model=model.__name__)
    return {"$ref": reference, "$defs": {**parts, model.__name__: definition}}


def _declare_security(app: FastAPI, document: dict[str, Any]) -> None:
    document["components"]["securitySchemes"] = {
        SCHEME: {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "an access token from the operator or from POST /auth/token",
        }
    }
    for route in app.routes:
        if not isinstance(route, GuardedRoute) or not route.include_in_schema:
            continue
        for method in route.methods or ():
            operation = document["paths"][route.path_format][method.lower()]
            if route.access.scope is not None and "security" not in operation:
                operation["security"] = [{SCHEME: []}]
                any_scope = route.access.scope == "any"
                need = "a token of any scope" if any_scope else f"scope `{route.access.scope}`"
                operation["description"] = f"{operation.get('description', '')}\n\nNeeds {need}.".strip()
            late = problem_responses(504, schema=error_schema_of(route.path_format))
            operation["responses"].setdefault("504", late[504])
            if method == "POST" and route.access.takes_keys:
                _declare_key(operation, error_schema_of(route.path_format))
            if method == "POST" and route.access.generates:
                _declare_preferences(operation)
            _add_success_headers(operation, route.access.generates)


def _declare_key(operation: dict[str, Any], schema: type[BaseModel]) -> None:
    operation.setdefault("parameters", []).append(_KEY_PARAMETER)
    for status, response in operation["responses"].items():
        if status.startswith("2"):
            response["headers"] = header_docs("Idempotency-Replayed") | response.get("headers", {})
    for status, response in problem_responses(400, 409, 422, 503, schema=schema).items():
        operation["responses"].setdefault(str(status), response)


def _declare_preferences(operation: dict[str, Any]) -> None:
    operation.setdefault("parameters", []).append(_PREFER_PARAMETER)
    for status, response in operation["responses"].items():
        if status.startswith("2"):
            response["headers"] = response.get("headers", {}) | _STREAM_ID | _PREFERENCE_APPLIED


def _add_success_headers(operation: dict[str, Any], is_limited: bool) -> None:
    limits = ("RateLimit", "RateLimit-Policy") if is_limited else ()
    for status, response in operation["responses"].items():
        names = ("X-Request-ID", *(limits if status not in BEFORE_LIMITS else ()))
        response["headers"] = header_docs(*names) | response.get("headers", {})


def _merge_nullable(document: dict[str, Any], schemas: dict[str, Any]) -> None:
    """`anyOf: [T, null]` becomes `type: [T, "null"]`, which generators read as an optional T.

    Where T is itself a choice, null is one more of its options.
    """
    for node in _nodes(document):
        options = node.get("anyOf")
        if not isinstance(options, list) or {"type": "null"} not in options:
            continue
        del node["anyOf"]
        resolved = [
            schemas[option["$ref"].rpartition("/")[2]] if "$ref" in option else option for option in options
        ]
        if all("type" in option for option in resolved):
            for option in resolved:  # each keyword of a schema concerns one type, so they may stand together
                node.update(option)
            node["type"] = [option["type"] for option in resolved]
            continue
        (choice,) = (option for option in options if option != {"type": "null"})
        node["oneOf"] = [*choice["oneOf"], {"type": "null"}]


def _nodes(value: Any) -> Iterator[dict[str, Any]]:  # Any: what JSON holds
    if isinstance(value, dict):
        yield value
        for child in list(value.values()):
            yield from _nodes(child)
    elif isinstance(value, list):
        for child in value:
            yield from _nodes(child)
