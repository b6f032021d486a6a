"""One document of schemas: resolves references in it, and knows which JSON types its schemas allow."""

from collections import deque
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import unquote

from inference.constraints.schema_keywords import ANNOTATIONS, DEFINITIONS, with_schemas
from inference.constraints.schema_memory import SchemaMemory
from inference.constraints.schema_types import ALL_TYPES, named_types, type_of
from inference.errors import InvalidGrammar

NOT_RESOLVED: Final = "has a $ref that does not resolve: only the same schema (#/…) can be referred to"
UNKNOWN_TYPE: Final = "has a type that JSON Schema does not have"


class SchemaRoot:
    """`field` is the request's part, and `name` the tool, that errors name."""

    def __init__(self, root: Mapping[str, Any], field: str, name: str) -> None:
        self._root = root
        self._field = field
        self._name = name
        self._targets: dict[str, Any] = {}
        self._types = SchemaMemory(self._types_of, self.error)

    def error(self, reason: str, path: tuple[str, ...]) -> InvalidGrammar:
        """`path` leads from the root to the cause."""
        return InvalidGrammar(self._field, reason, (self._name, *path))

    def target(self, reference: object, path: tuple[str, ...]) -> Any:
        """Returns the schema that "#", "#/…" points to. Raises `InvalidGrammar`."""
        if not isinstance(reference, str):
            raise self.error(NOT_RESOLVED, path)
        if reference not in self._targets:
            self._targets[reference] = self._find(reference, path)
        return self._targets[reference]

    def types_of(self, schema: object, path: tuple[str, ...] = ()) -> frozenset[str]:
        """Integers are numbers. What is not understood allows all types. Raises `InvalidGrammar`."""
        if not isinstance(schema, Mapping):
            return frozenset() if schema is False else ALL_TYPES
        return self._types.of(schema, path)

    def alone(self, schema: object) -> dict[str, Any]:
        """Returns a copy that contains all that it refers to, and no annotations."""
        names: dict[int, str] = {}
        waiting: deque[Any] = deque()

        def copy(part: Any) -> Any:
            if not isinstance(part, Mapping):
                return part
            kept = {key: value for key, value in part.items() if key not in {*ANNOTATIONS, *DEFINITIONS}}
            copied = with_schemas(kept, copy)
            if "$ref" in copied:
                target = self.target(copied["$ref"], ())
                if id(target) not in names:
                    names[id(target)] = str(len(names))
                    waiting.append(target)
                copied["$ref"] = f"#/$defs/{names[id(target)]}"
            return copied

        copied = copy(schema) if isinstance(schema, Mapping) else {"allOf": [schema]}
        definitions: dict[str, Any] = {}
        while waiting:
            definitions[str(len(definitions))] = copy(waiting.popleft())
        return {**copied, "$defs": definitions} if definitions else copied

    def _types_of(self, schema: Mapping[str, Any], path: tuple[str, ...]) -> frozenset[str]:
        types = ALL_TYPES
        if "type" in schema:
            named = named_types(schema["type"])
            if not named <= ALL_TYPES:
                raise self.error(UNKNOWN_TYPE, (*path, "type"))
            types &= named
        if "const" in schema:
            types &= {type_of(schema["const"])}
        if isinstance(schema.get("enum"), list):
            types &= frozenset(map(type_of, schema["enum"]))
        if "$ref" in schema:
            where = (*path, "$ref")
            types &= self.types_of(self.target(schema["$ref"], where), where)
        for keyword in ("anyOf", "oneOf"):
            if isinstance(schema.get(keyword), list):
                types &= frozenset[str]().union(*self._each(schema[keyword], (*path, keyword)))
        if isinstance(schema.get("allOf"), list):
            types = types.intersection(*self._each(schema["allOf"], (*path, "allOf")))
        return types

    def _each(self, schemas: list[Any], path: tuple[str, ...]) -> list[frozenset[str]]:
        return [self.types_of(schema, (*path, str(index))) for index, schema in enumerate(schemas)]

    def _find(self, reference: str, path: tuple[str, ...]) -> Any:
        if reference not in ("#", "") and not reference.startswith("#/"):
            raise self.error(NOT_RESOLVED, path)
        target: Any = self._root
        for step in unquote(reference).split("/")[1:]:
            key = step.replace("~1", "/").replace("~0", "~")
            if isinstance(target, Mapping) and key in target:
                target = target[key]
            elif isinstance(target, list) and key.isdecimal() and int(key) < len(target):
                target = target[int(key)]
            else:
                raise self.error(NOT_RESOLVED, path)
        if not isinstance(target, Mapping | bool):
            raise self.error(NOT_RESOLVED, path)
        return target
