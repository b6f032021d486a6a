"""The OpenAPI document as code generators need it."""

from collections.abc import Iterator
from typing import Any

import pytest

from app.main import create_app
from app.settings import Settings

DOCUMENT: dict[str, Any] = create_app(Settings(_env_file=None, backend="scripted")).openapi()
OPERATIONS = [
    pytest.param(operation, id=f"{method.upper()} {path}")
    for path, item in DOCUMENT["paths"].items()
    for method, operation in item.items()
]


def nodes(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        for child in value.values():
            yield from nodes(child)
    elif isinstance(value, list):
        for child in value:
            yield from nodes(child)


def test_optional_means_absent_not_null() -> None:
    assert not [node for node in nodes(DOCUMENT) if {"type": "null"} in node.get("anyOf", ())]


def test_every_reference_leads_somewhere() -> None:
    for node in nodes(DOCUMENT):
        if isinstance(node.get("$ref"), str):
            assert node["$ref"].removeprefix("#/components/schemas/") in DOCUMENT["components"]["schemas"]


def test_operation_ids_are_unique() -> None:
    ids = [operation.values[0]["operationId"] for operation in OPERATIONS]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_operation_has_a_summary_and_names_its_request(operation: dict[str, Any]) -> None:
    assert operation["summary"]
    for response in operation["responses"].values():
        assert "X-Request-ID" in response["headers"]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_errors_have_a_schema_of_their_own(operation: dict[str, Any]) -> None:
    for status, response in operation["responses"].items():
        if int(status) >= 400 and status != "503":
            references = [media["schema"]["$ref"] for media in response["content"].values()]
            names = {f"#/components/schemas/{name}" for name in ("Problem", "OAuthProblem", "OpenAIError")}
            assert len(references) == 1
            assert references[0] in names


@pytest.mark.parametrize("path", ["/vision", "/speech", "/v1/audio/transcriptions"])
def test_uploads_are_binary_strings(path: str) -> None:
    form = DOCUMENT["paths"][path]["post"]["requestBody"]["content"]["multipart/form-data"]["schema"]
    files = [node for node in nodes(form) if node.get("format") == "binary"]
    assert files
    assert all(file == {"type": "string", "format": "binary"} for file in files)


@pytest.mark.parametrize("path", ["/chat", "/vision", "/speech", "/v1/chat/completions"])
def test_stream_events_have_schemas(path: str) -> None:
    stream = DOCUMENT["paths"][path]["post"]["responses"]["200"]["content"]["text/event-stream"]
    [documents] = [node["contentSchema"] for node in nodes(stream) if "contentSchema" in node]
    assert len(documents["oneOf"]) >= 2


GENERATING = [
    "/chat",
    "/vision",
    "/speech",
    "/v1/chat/completions",
    "/v1/responses",
    "/v1/audio/transcriptions",
]


@pytest.mark.parametrize("path", GENERATING)
def test_what_survives_a_lost_connection_is_declared(path: str) -> None:
    operation = DOCUMENT["paths"][path]["post"]
    parameters = {parameter["name"]: parameter for parameter in operation["parameters"]}
    assert {"Prefer", "Idempotency-Key"} == parameters.keys()
    assert parameters["Prefer"]["examples"].keys() == {"resumable", "respond-async"}
    for status in ("200", "202"):
        headers = operation["responses"][status]["headers"]
        assert {"Stream-Id", "Preference-Applied", "Idempotency-Replayed"} <= headers.keys()
    assert "Location" in operation["responses"]["202"]["headers"]


def test_every_generating_route_is_among_them() -> None:
    """Those whose streams the document describes."""
    streaming = {
        path
        for path, item in DOCUMENT["paths"].items()
        if "text/event-stream" in item.get("post", {}).get("responses", {}).get("200", {}).get("content", {})
    }
    assert streaming == set(GENERATING)


def test_recorded_responses_say_which_they_are() -> None:
    responses = DOCUMENT["paths"]["/streams/{stream_id}"]["get"]["responses"]
    assert "Stream-Id" in responses["200"]["headers"]


def test_no_default_error_of_the_framework_is_left() -> None:
    assert not {"HTTPValidationError", "ValidationError"} & DOCUMENT["components"]["schemas"].keys()
