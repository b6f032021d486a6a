"""Optional means absent: what a document must not say about a field that may be left out."""

from typing import Any


def without_default(schema: dict[str, Any]) -> None:
    """For fields whose absence means something that no value does; a `json_schema_extra`."""
    schema.pop("default", None)
