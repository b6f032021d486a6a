"""Fields that may be absent. Requests must not contain null instead, and responses never do."""

from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, GetJsonSchemaHandler, field_validator
from pydantic_core import CoreSchema, PydanticCustomError

T = TypeVar("T")


class RequestModel(BaseModel):
    """A request body, or a part of it. Refuses unknown fields, values of another type, and null by name."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

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


# `field: Omittable[int] = None`: None if absent, left out of responses. Requests need `RequestModel` for it.
Omittable = Annotated[
    T | None,
    _NotDeclaredNullable(),
    Field(exclude_if=_is_none, json_schema_extra=_without_default),
]
