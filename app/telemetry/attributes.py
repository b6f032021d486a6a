"""Attributes as OTLP has them."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue

Value = str | bool | int | float | tuple[str, ...]
REMEMBERED: Final = 2048


def key_values(attributes: Mapping[str, Value | None]) -> list[KeyValue]:
    """None stands for what is not known, which is left out."""
    return [_key_value(name, value) for name, value in attributes.items() if value is not None]


@lru_cache(maxsize=REMEMBERED, typed=True)  # 1, 1.0 and True are three values here
def _key_value(name: str, value: Value) -> KeyValue:
    """Most of a request's are the last one's too, and making one anew takes four times as long."""
    return KeyValue(key=name, value=_any_value(value))


def _any_value(value: Value) -> AnyValue:
    match value:
        case str():
            return AnyValue(string_value=value)
        case bool():
            return AnyValue(bool_value=value)
        case int():
            return AnyValue(int_value=value)
        case float():
            return AnyValue(double_value=value)
        case _:
            return AnyValue(array_value=ArrayValue(values=map(_any_value, value)))
