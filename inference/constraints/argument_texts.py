"""Which texts a string may be, where it is written without quotes: as terminals of a grammar.

Terminals are regular languages, so that what a schema intersects or unites can be said exactly.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from inference.constraints.json_grammar import quoted
from inference.constraints.schema_memory import SchemaMemory
from inference.constraints.schema_root import SchemaRoot
from inference.constraints.schema_types import named_types, natural_number
from inference.constraints.text_patterns import ANYTHING, FORMATS, search_regex

ANY_TEXT: Final = "ANY_TEXT"
NOT_HELD: Final = "is not held by strict in this format of tool calls: leave it, or strict, out"

_UNHELD: Final = ("not", "if", "then", "else", "$dynamicRef", "$recursiveRef")
_LONGEST_BOUND: Final = 1_000_000  # characters; no response is as long
_LONGEST_MINIMUM: Final = 1_000  # where it is not strict

Texts = str | None
"""A terminal's name or expression. None: there are none."""


class Terminals:
    """The named terminals of one grammar; equal ones have one name."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {f"/{ANYTHING}/": ANY_TEXT}

    def name(self, expression: str) -> str:
        return self._names.setdefault(expression, f"T{len(self._names)}")

    def rules(self) -> Iterable[str]:
        return (f"{name}: {expression}" for expression, name in self._names.items())


class ArgumentTexts:
    """Of one tool. `is_regex` says whether the compiler understands a regular expression. No text has `end`
    inside."""

    def __init__(
        self,
        root: SchemaRoot,
        terminals: Terminals,
        is_regex: Callable[[str], bool],
        end: str,
        *,
        is_strict: bool,
    ) -> None:
        self._root = root
        self._terminals = terminals
        self._is_regex = is_regex
        self._end = end
        self._is_strict = is_strict
        self._texts = SchemaMemory(self._of, root.error)

    def of(self, schema: object, path: tuple[str, ...]) -> Texts:
        """Raises `InvalidGrammar` for a circular reference, and for what is strict and cannot be held."""
        if not isinstance(schema, Mapping):
            return None if schema is False else ANY_TEXT
        return self._texts.of(schema, path)

    def _of(self, schema: Mapping[str, Any], path: tuple[str, ...]) -> Texts:
        if "type" in schema and "string" not in named_types(schema["type"]):
            return None
        for keyword in _UNHELD:
            if keyword in schema:
                self.refuse((*path, keyword))
        parts: list[Texts] = []
        if "const" in schema:
            parts.append(self._literals([schema["const"]]))
        if isinstance(schema.get("enum"), list):
            parts.append(self._literals(schema["enum"]))
        if isinstance(schema.get("pattern"), str):
            parts.append(self._pattern(schema["pattern"], (*path, "pattern")))
        if schema.get("format") in FORMATS:
            parts.append(self._terminals.name(f"/{_escaped(FORMATS[schema['format']])}/"))
        parts.append(self._bounds(schema, path))
        if "$ref" in schema:
            where = (*path, "$ref")
            parts.append(self.of(self._root.target(schema["$ref"], where), where))
        for keyword, combine in (("allOf", self.all_of), ("anyOf", self.any_of), ("oneOf", self._one_of)):
            if isinstance(schema.get(keyword), list):
                parts.append(combine(self._each(schema[keyword], (*path, keyword))))
        return self.all_of(parts)

    def refuse(self, path: tuple[str, ...]) -> None:
        """Does nothing where it is not strict."""
        if self._is_strict:
            raise self._root.error(f"{path[-1]} {NOT_HELD}", path)

    def all_of(self, parts: Sequence[Texts]) -> Texts:
        known = [part for part in parts if part is not None]
        if len(known) < len(parts):
            return None
        narrowing = list(dict.fromkeys(part for part in known if part != ANY_TEXT))
        if len(narrowing) < 2:
            return narrowing[0] if narrowing else ANY_TEXT
        return self._terminals.name(" & ".join(narrowing))

    def any_of(self, parts: Sequence[Texts]) -> Texts:
        known = list(dict.fromkeys(part for part in parts if part is not None))
        if ANY_TEXT in known:
            return ANY_TEXT
        if len(known) < 2:
            return known[0] if known else None
        return self._terminals.name(" | ".join(known))

    def _one_of(self, parts: Sequence[Texts]) -> Texts:
        """At least one, and not one and what came before it: linear in the number of alternatives."""
        twice: list[Texts] = []
        before: Texts = None
        for part in parts:
            twice.append(self.all_of([before, part]))
            before = self.any_of([before, part])
        overlap = self.any_of(twice)
        return before if before is None or overlap is None else self.without(before, overlap)

    def without(self, texts: str, excluded: str) -> str:
        return self._terminals.name(f"{texts} & ~{excluded}")

    def _each(self, schemas: list[Any], path: tuple[str, ...]) -> list[Texts]:
        return [self.of(schema, (*path, str(index))) for index, schema in enumerate(schemas)]

    def _literals(self, values: list[Any]) -> Texts:
        texts = [value for value in values if isinstance(value, str) and self._end not in value]
        literals = dict.fromkeys(map(_literal, texts))
        return self._terminals.name(" | ".join(literals)) if literals else None

    def _pattern(self, pattern: str, path: tuple[str, ...]) -> Texts:
        regex = search_regex(pattern)
        if regex is None or not self._is_regex(regex):
            self.refuse(path)
            return ANY_TEXT
        return self._terminals.name(f"/{regex}/")

    def _bounds(self, schema: Mapping[str, Any], path: tuple[str, ...]) -> Texts:
        shortest = natural_number(schema.get("minLength")) or 0
        longest = natural_number(schema.get("maxLength"))
        if not self._is_strict:
            shortest = min(shortest, _LONGEST_MINIMUM)
        if longest is not None and longest < shortest:
            return None
        if longest is not None and longest <= _LONGEST_BOUND:
            return self._terminals.name(f"/(?s:.{{{shortest},{longest}}})/")
        return self._terminals.name(f"/(?s:.{{{shortest},}})/") if shortest else ANY_TEXT


def _literal(text: str) -> str:
    return quoted(text) or '""'


def _escaped(regex: str) -> str:
    return regex.replace("/", r"\/")
