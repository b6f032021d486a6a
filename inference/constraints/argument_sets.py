"""Which arguments a tool takes together: the schema of its parameters as alternatives of plain objects."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any, Final

from inference.constraints.argument_texts import ArgumentTexts
from inference.constraints.grammar_refusal import TOO_COMPLEX
from inference.constraints.schema_memory import SchemaMemory
from inference.constraints.schema_root import SchemaRoot
from inference.constraints.schema_types import ALL_TYPES, natural_number

MAX_ALTERNATIVES: Final = 64
NOT_DISJOINT: Final = "uses oneOf with alternatives that are not disjoint: write anyOf"
NOTHING: Final = "cannot be satisfied by any value"

_UNHELD: Final = (
    *("not", "if", "then", "else", "const", "enum", "patternProperties", "propertyNames"),
    *("dependentRequired", "dependentSchemas", "dependencies", "$dynamicRef", "$recursiveRef"),
)

Schemas = tuple[Any, ...]  # all of which hold. Any: what JSON holds


@dataclass(frozen=True, slots=True)
class ArgumentSet:
    """`others` are the schemas of further arguments, or None if there must be none."""

    properties: Mapping[str, Schemas] = field(default_factory=dict)
    required: Mapping[str, None] = field(default_factory=dict)  # in order
    others: Schemas | None = ()
    fewest: int = 0
    most: int | None = None

    def schemas_of(self, name: str) -> Schemas | None:
        return self.properties.get(name, self.others)

    def both(self, other: "ArgumentSet") -> "ArgumentSet | None":
        """What both allow; None: nothing."""
        properties: dict[str, Schemas] = {}
        required = {**self.required, **other.required}
        for name in {**self.properties, **other.properties}:
            schemas = _joined(self.schemas_of(name), other.schemas_of(name))
            if schemas is not None:
                properties[name] = schemas
        others = _joined(self.others, other.others)
        if others is None and any(name not in properties for name in required):
            return None
        most = min((each for each in (self.most, other.most) if each is not None), default=None)
        return ArgumentSet(properties, required, others, max(self.fewest, other.fewest), most)


def argument_sets(
    schema: object, root: SchemaRoot, texts: ArgumentTexts, path: tuple[str, ...] = ()
) -> list[ArgumentSet]:
    """Raises `InvalidGrammar`."""
    return _Reader(root, texts).sets_of(schema, path)


class _Reader:
    def __init__(self, root: SchemaRoot, texts: ArgumentTexts) -> None:
        self._root = root
        self._texts = texts
        self._sets = SchemaMemory(self._sets_of, root.error)

    def sets_of(self, schema: object, path: tuple[str, ...]) -> list[ArgumentSet]:
        if not isinstance(schema, Mapping):
            return [] if schema is False else [ArgumentSet()]
        return self._sets.of(schema, path)

    def _sets_of(self, schema: Mapping[str, Any], path: tuple[str, ...]) -> list[ArgumentSet]:
        for keyword in _UNHELD:
            if keyword in schema:
                self._texts.refuse((*path, keyword))
        found = [_own(schema)]
        if "$ref" in schema:
            where = (*path, "$ref")
            found = self._both(found, self.sets_of(self._root.target(schema["$ref"], where), where), path)
        for index, each in enumerate(_list(schema.get("allOf"))):
            found = self._both(found, self.sets_of(each, (*path, "allOf", str(index))), path)
        for keyword in ("anyOf", "oneOf"):
            if isinstance(schema.get(keyword), list):
                of_each = [
                    self.sets_of(each, (*path, keyword, str(index)))
                    for index, each in enumerate(schema[keyword])
                ]
                if keyword == "oneOf" and not self._are_disjoint(of_each):
                    self._texts.refuse((*path, keyword))
                found = self._both(found, [each for sets in of_each for each in sets], path)
        return found

    def _both(
        self, some: list[ArgumentSet], others: list[ArgumentSet], path: tuple[str, ...]
    ) -> list[ArgumentSet]:
        if len(some) * len(others) > MAX_ALTERNATIVES:
            raise self._root.error(TOO_COMPLEX, path)
        joined = (one.both(other) for one in some for other in others)
        return [each for each in joined if each is not None]

    def _are_disjoint(self, alternatives: list[list[ArgumentSet]]) -> bool:
        return all(
            any(self._differ(name, one, other) for name in {**one.required, **other.required})
            for first, second in combinations(alternatives, 2)
            for one in first
            for other in second
        )

    def _differ(self, name: str, one: ArgumentSet, other: ArgumentSet) -> bool:
        """No object with that member fits both."""
        first, second = one.schemas_of(name), other.schemas_of(name)
        if first is None or second is None:
            return True
        if not (name in one.required and name in other.required):
            return False
        values, other_values = self._values(first), self._values(second)
        if values is not None and other_values is not None:
            return not values & other_values
        return not ALL_TYPES.intersection(*map(self._root.types_of, first + second))

    def _values(self, schemas: Schemas) -> frozenset[str] | None:
        """The strings that a member may be, if they are listed."""
        for schema in schemas:
            if not isinstance(schema, Mapping):
                continue
            listed = [schema["const"]] if "const" in schema else _list(schema.get("enum"))
            if listed and all(isinstance(value, str) for value in listed):
                return frozenset(listed)
            if "$ref" in schema:
                values = self._values((self._root.target(schema["$ref"], ()),))
                if values is not None:
                    return values
        return None


def _own(schema: Mapping[str, Any]) -> ArgumentSet:
    """Without what it refers to and combines."""
    properties = schema.get("properties")
    others = schema.get("additionalProperties", schema.get("unevaluatedProperties", True))
    return ArgumentSet(
        {name: (each,) for name, each in properties.items()} if isinstance(properties, Mapping) else {},
        dict.fromkeys(name for name in _list(schema.get("required")) if isinstance(name, str)),
        None if others is False else (others,) if isinstance(others, Mapping) and others else (),
        natural_number(schema.get("minProperties")) or 0,
        natural_number(schema.get("maxProperties")),
    )


def _joined(first: Schemas | None, second: Schemas | None) -> Schemas | None:
    if first is None or second is None:
        return None
    return first + tuple(each for each in second if all(each is not known for known in first))


def _list(value: object) -> Iterable[Any]:
    return value if isinstance(value, list) else ()
