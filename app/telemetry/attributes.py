"""Attributes as OTLP has them."""

from collections.abc import Mapping, Sequence

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue

Value = str | bool | int | float | Sequence[str]


def key_values(attributes: Mapping[str, Value | None]) -> list[KeyValue]:
    """None stands for what is not known, which is left out."""
    return [
        KeyValue(key=name, value=_any_value(value)) for name, value in attributes.items() if value is not None
    ]


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
