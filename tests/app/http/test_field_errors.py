"""Errors name the path that the client sent, and what is wrong there."""

from typing import Any

import pytest
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel

from app.http.body.forms import validate
from app.http.field_errors import field_errors
from app.schemas.chat import ChatRequest
from app.schemas.openai import ChatCompletionRequest


def errors_of(model: type[BaseModel], body: Any) -> list[tuple[str, str]]:
    with pytest.raises(RequestValidationError) as caught:
        validate(model, body)
    return [(error.field, error.message) for error in field_errors(caught.value.errors(), caught.value.body)]


def completion(content: Any) -> dict[str, Any]:
    messages = [{"role": "system", "content": "be brief"}, {"role": "user", "content": content}]
    return {"model": "x", "messages": messages}


AT = "messages.1.content"
NOT_TEXT = "Input should be a valid string"


@pytest.mark.parametrize(
    ("content", "field", "message"),
    [
        (5, AT, NOT_TEXT),
        ({"type": "text", "text": "hi"}, AT, NOT_TEXT),
        ("a\0", AT, "must not contain a NUL character"),
        ([], AT, "List should have at least 1 item after validation, not 0"),
        (["hi"], f"{AT}.0", "Input should be an object"),
        ([{"text": "hi"}], f"{AT}.0.type", "Field required"),
        (
            [{"type": "file"}],
            f"{AT}.0.type",
            "Input should be one of 'text', 'image_url', 'input_audio'",
        ),
        ([{"type": "text"}], f"{AT}.0.text", "Field required"),
        ([{"type": "text", "text": 5}], f"{AT}.0.text", NOT_TEXT),
        ([{"type": "image_url"}], f"{AT}.0.image_url", "Field required"),
        ([{"type": "image_url", "image_url": {}}], f"{AT}.0.image_url.url", "Field required"),
        ([{"type": "image_url", "image_url": "x"}], f"{AT}.0.image_url", "Input should be an object"),
        ([{"type": "image_url", "image_url": {"url": 5}}], f"{AT}.0.image_url.url", NOT_TEXT),
        (
            [{"type": "text", "text": "a"}, {"type": "input_audio", "input_audio": {"data": ""}}],
            f"{AT}.1.input_audio.data",
            "String should have at least 1 character",
        ),
    ],
    ids=str,
)
def test_path_has_no_tag_of_a_union(content: Any, field: str, message: str) -> None:
    assert errors_of(ChatCompletionRequest, completion(content)) == [(field, message)]


def test_missing_content_is_named() -> None:
    body = {"model": "x", "messages": [{"role": "user"}]}
    assert errors_of(ChatCompletionRequest, body) == [("messages.0.content", "Field required")]


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ([], [("", "Input should be an object")]),
        ({}, [("", "send either messages or prompt")]),
        ({"prompt": "a", "colour": 1}, [("colour", "Extra inputs are not permitted")]),
        ({"prompt": "a", "body": 1}, [("body", "Extra inputs are not permitted")]),
        ({"prompt": "a", "images": [5]}, [("images.0", NOT_TEXT)]),
        ({"messages": ["a"]}, [("messages.0", "Input should be an object")]),
        ({"messages": [{"role": "user", "content": None}]}, [("messages.0.content", "Field required")]),
        (
            {"prompt": 1, "max_tokens": "9"},
            [("max_tokens", "Input should be a valid integer"), ("prompt", NOT_TEXT)],
        ),
        (
            {"prompt": "a", "stop": ["", 5]},
            [("stop.0", "String should have at least 1 character"), ("stop.1", NOT_TEXT)],
        ),
        ({"prompt": "a", "stop": ["x" * 65]}, [("stop.0", "String should have at most 64 characters")]),
        ({"prompt": "a", "温度": 1}, [("?", "Extra inputs are not permitted")]),
    ],
    ids=str,
)
def test_paths_of_a_native_body(body: Any, errors: list[tuple[str, str]]) -> None:
    assert errors_of(ChatRequest, body) == errors
