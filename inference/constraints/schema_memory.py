"""What is found out about schemas, once for each, so that references cannot multiply the work."""

from collections.abc import Callable, Mapping
from typing import Any, Final, Generic, TypeVar

from inference.errors import InvalidGrammar

CIRCULAR: Final = "refers to its own schema, beside other keywords: not supported"

T = TypeVar("T")
Path = tuple[str, ...]


class SchemaMemory(Generic[T]):
    """`look` finds it out, and may ask for other schemas. `error` makes the error of a reason and a path.

    Schemas are told apart by their identity: whoever asks keeps them alive.
    """

    def __init__(
        self, look: Callable[[Mapping[str, Any], Path], T], error: Callable[[str, Path], InvalidGrammar]
    ) -> None:
        self._look = look
        self._error = error
        self._known: dict[int, T] = {}
        self._open: set[int] = set()

    def of(self, schema: Mapping[str, Any], path: Path) -> T:
        """Raises `InvalidGrammar` for a schema that is asked for while it is looked at."""
        key = id(schema)
        if key in self._open:
            raise self._error(CIRCULAR, path)
        if key not in self._known:
            self._open.add(key)
            self._known[key] = self._look(schema, path)
            self._open.discard(key)
        return self._known[key]
