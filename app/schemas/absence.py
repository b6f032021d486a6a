"""Fields that may be absent. Null means the same in users' requests; responses never contain it."""

from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, GetJsonSchemaHandler, field_validator, model_validator
from pydantic_core import CoreSchema, PydanticCustomError

T = TypeVar("T")


class _StrictModel(BaseModel):
    """Refuses unknown fields and values of another type by name."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class RequestModel(_StrictModel):
    """A request body, or a part of it. Many encoders write a field without a value as null."""

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, values: Any) -> Any:  # Any: what JSON holds
        if not isinstance(values, dict):
            return values
        return {name: value for name, value in values.items() if value is not None}


class OperatorRequestModel(_StrictModel):
    """A request for a change. Refuses null by name: it could be meant to reset the field."""

    @field_validator("*", mode="before")
    @classmethod
    def _refuse_null(cls, value: Any) -> Any:  # Any: what JSON holds
        if value is None:
            raise PydanticCustomError("null", "Input must not be null")
        return value


class _NotDeclaredNullable:
    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> Any:
        (declared,) = (option for option in handler(schema)["anyOf"] if option != {"type": "null"})
        return declared


def _is_none(value: object) -> bool:
    return value is None


def _without_default(schema: dict[str, Any]) -> None:
    schema.pop("default", None)


# `field: Omittable[int] = None`: None if absent, left out of responses. Requests need a model of this module.
Omittable = Annotated[
    T | None,
    _NotDeclaredNullable(),
    Field(exclude_if=_is_none, json_schema_extra=_without_default),
]
