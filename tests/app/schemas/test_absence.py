"""Fields that may be absent, in requests, in responses and in their declaration."""

import pytest
from pydantic import BaseModel, ValidationError

from app.schemas.absence import Omittable, OperatorRequestModel, RequestModel
from app.schemas.admin import RequestsPerMinute


class Request(RequestModel):
    name: str
    limit: Omittable[RequestsPerMinute] = None


class Change(OperatorRequestModel):
    name: str
    limit: Omittable[RequestsPerMinute] = None


class Response(BaseModel):
    name: str
    limit: Omittable[int] = None


def test_absent_field_is_none() -> None:
    assert Request.model_validate({"name": "a"}).limit is None


def test_null_is_absent() -> None:
    request = Request.model_validate({"name": "a", "limit": None, "unknown": None})
    assert request.model_fields_set == {"name"}
    with pytest.raises(ValidationError) as caught:
        Request.model_validate({"name": None})
    assert [(error["loc"], error["type"]) for error in caught.value.errors()] == [(("name",), "missing")]


@pytest.mark.parametrize("body", [{"name": "a", "limit": None}, {"name": None, "limit": 1}])
def test_error_of_null_in_a_change_names_its_field(body: dict[str, object]) -> None:
    with pytest.raises(ValidationError) as caught:
        Change.model_validate(body)
    field = next(name for name, value in body.items() if value is None)
    assert [(error["loc"], error["msg"]) for error in caught.value.errors()] == [
        ((field,), "Input must not be null")
    ]


@pytest.mark.parametrize("limit", [0, "60", 1.5])
def test_error_of_an_invalid_value_names_only_its_field(limit: object) -> None:
    with pytest.raises(ValidationError) as caught:
        Request.model_validate({"name": "a", "limit": limit})
    assert [error["loc"] for error in caught.value.errors()] == [("limit",)]


def test_none_is_left_out_of_responses() -> None:
    assert Response(name="a", limit=None).model_dump_json() == '{"name":"a"}'
    assert Response(name="a", limit=0).model_dump_json() == '{"name":"a","limit":0}'


def test_field_is_declared_as_optional_and_never_as_null() -> None:
    schema = Request.model_json_schema()
    assert schema["required"] == ["name"]
    assert schema["properties"]["limit"] == {
        "title": "Limit",
        "type": "integer",
        "minimum": 1,
        "maximum": 1_000_000,
        "examples": [60],
    }
