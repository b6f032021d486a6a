"""The grammar of tool calls in GLM's format: each argument holds its schema, as text or as JSON."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from inference.constraints.argument_sets import NOTHING, ArgumentSet, Schemas, argument_sets
from inference.constraints.argument_texts import ANY_TEXT, ArgumentTexts, Terminals
from inference.constraints.call_parser import END_CALL, ArgumentTypes, choice_rule
from inference.constraints.json_grammar import json_rule, quoted
from inference.constraints.schema_keywords import ANNOTATIONS
from inference.constraints.schema_root import SchemaRoot
from inference.constraints.schema_types import ALL_TYPES, STRING
from inference.errors import InvalidGrammar
from inference.types import ToolDefinition

KEY: Final = "<arg_key>"
END_KEY: Final = "</arg_key>"
VALUE: Final = "<arg_value>"
END_VALUE: Final = "</arg_value>"

_END: Final = "HAS_END"
_NUMBER: Final = r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?"
_SPACE: Final = r"[ \t\r\n]*"
_JSON_TEXTS: Final = {  # what the parser takes for another type, and what the lexer does not tell from it
    "number": _NUMBER,
    "boolean": "true|false",
    "null": "null",
}
_CONTAINERS: Final = {"object": r"\{", "array": r"\["}
_NAME_WITHOUT: Final = "must have parameters without <, > and control characters in their names"


class GlmGrammar:
    """One per grammar. May take any time and memory."""

    def __init__(self, line_feed: str, is_regex: Callable[[str], bool]) -> None:
        self._feed = line_feed
        self._is_regex = is_regex
        self._terminals = Terminals()
        self._values: dict[str, str] = {}  # names of rules by their text
        self._json_values: dict[str, str] = {}  # names of rules by their schema

    def call_rules(self, tools: Sequence[ToolDefinition]) -> tuple[str, dict[str, ArgumentTypes]]:
        """See `ToolFormat`."""
        rules = [choice_rule(tools)]
        types: dict[str, ArgumentTypes] = {}
        for index, tool in enumerate(tools):
            written = _ToolRules(self, tool, self._feed)
            types[tool.name] = written.types
            rules += written.rules(f"call_{index}")
        rules += (f"{name}: {text}" for text, name in self._values.items())
        ends = r"(?s:.*)<\/arg_value>(?s:.*)"
        return "\n".join([*rules, *self._terminals.rules(), f"{_END}: /{ends}/"]), types

    def texts_of(self, root: SchemaRoot, *, is_strict: bool) -> ArgumentTexts:
        return ArgumentTexts(root, self._terminals, self._is_regex, END_VALUE, is_strict=is_strict)

    def terminal(self, expression: str) -> str:
        return self._terminals.name(expression)

    def value(self, text: str) -> str:
        return self._values.setdefault(text, f"value_{len(self._values)}")

    def json_value(self, schema: Mapping[str, Any], path: tuple[str, ...], *, is_lenient: bool) -> str:
        """Equal schemas share a rule, and the first one's path."""
        key = json.dumps([schema, is_lenient])
        if key not in self._json_values:
            self._json_values[key] = self.value(json_rule(schema, is_lenient=is_lenient, path=path))
        return self._json_values[key]


class _ToolRules:
    def __init__(self, grammar: GlmGrammar, tool: ToolDefinition, line_feed: str) -> None:
        self._grammar = grammar
        self._tool = tool
        self._feed = line_feed
        self._root = SchemaRoot(tool.parameters, "tools", tool.name)
        self._texts = grammar.texts_of(self._root, is_strict=tool.strict)
        self._schemas: dict[tuple[int, ...], Any] = {}  # by the parts' identities; keeps them alive
        if "object" not in self._root.types_of(tool.parameters):
            self._texts.refuse(("type",))
        self._sets = argument_sets(tool.parameters, self._root, self._texts)
        if not self._sets:
            raise self._root.error(NOTHING, ())
        self.types = self._types()

    def rules(self, name: str) -> Iterator[str]:
        alternatives = [f"{name}_{index}" for index in range(len(self._sets))]
        opening = quoted(self._tool.name + self._feed)
        yield f"{name}: {opening} ({' | '.join(alternatives)}) {quoted(END_CALL)}"
        for alternative, arguments in zip(alternatives, self._sets, strict=True):
            yield f"{alternative}: {' '.join(self._arguments(arguments)) or _EMPTY}"

    def _types(self) -> ArgumentTypes:
        """Over all alternatives: the parser does not know which one a call is."""
        names = {name: None for each in self._sets for name in (*each.properties, *each.required)}
        named = {}
        for name in names:
            known = [self._types_of(each.schemas_of(name), ("properties", name)) for each in self._sets]
            named[name] = frozenset[str]().union(*known)
        where = ("additionalProperties",)
        others = frozenset[str]().union(*(self._types_of(each.others, where) for each in self._sets))
        return ArgumentTypes(named, others or ALL_TYPES)

    def _types_of(self, schemas: Schemas | None, path: tuple[str, ...]) -> frozenset[str]:
        return frozenset() if schemas is None else self._root.types_of(self._schema(schemas), path)

    def _schema(self, schemas: Schemas) -> Any:
        key = tuple(map(id, schemas))
        if key not in self._schemas:
            self._schemas[key] = _conjunction(schemas)
        return self._schemas[key]

    def _arguments(self, arguments: ArgumentSet) -> Iterator[str]:
        required = arguments.required
        names = [*arguments.properties, *(name for name in required if name not in arguments.properties)]
        possible = {}
        for name in names:
            rule = self._argument(name, arguments.schemas_of(name))
            if rule is not None:
                possible[name] = rule
            elif name in required:
                raise self._root.error(NOTHING, ("properties", name))
        optional = [name for name in possible if name not in required]
        demanded = set(required) | set(optional[: max(arguments.fewest - len(required), 0)])
        has_others = bool(arguments.others) or (not names and arguments.others is not None)
        if arguments.fewest > len(demanded):  # further arguments could have equal names
            self._texts.refuse(("minProperties",))
        if arguments.most is not None:
            if arguments.most < max(len(required), arguments.fewest):
                raise self._root.error(NOTHING, ("maxProperties",))
            allowed = {*required, *optional[: arguments.most - len(required)]}
            possible = {name: rule for name, rule in possible.items() if name in allowed}
            has_others = False
        for name, rule in possible.items():
            yield rule if name in demanded else f"{rule}?"
        if has_others and arguments.others is not None:
            value = self._value(arguments.others, self.types.others)
            if value is not None:
                yield self._grammar.value(f"{quoted(KEY)} {self._other_key()} {value}") + "*"

    def _argument(self, name: str, schemas: Schemas | None) -> str | None:
        if any(character in "<>\x7f" or character < " " for character in name):
            raise InvalidGrammar("tools", _NAME_WITHOUT, (self._tool.name,))
        value = None if schemas is None else self._value(schemas, self.types.of(name), name)
        opening = quoted(KEY + name + END_KEY + self._feed + VALUE)
        return None if value is None else self._grammar.value(f"{opening} {value}")

    def _other_key(self) -> str:
        named = [quoted(name) for name in self.types.named if name]
        name = "/[^<>\\x00-\\x1f\\x7f]+/"
        if named:
            name = self._grammar.terminal(f"{name} & ~({' | '.join(named)})")
        return self._grammar.terminal(f"{name} {quoted(END_KEY + self._feed + VALUE)}")

    def _value(self, schemas: Schemas, all_types: frozenset[str], name: str = "") -> str | None:
        """The rest of an argument after VALUE. None: no value is possible."""
        schema = self._schema(schemas)
        path = ("properties", name) if name else ("additionalProperties",)
        types = self._root.types_of(schema, path)
        closing = quoted(END_VALUE + self._feed)
        texts = self._texts.of(schema, path) if "string" in types else None
        others = types - STRING
        if texts == ANY_TEXT and all_types == types and (not others or _is_free(schema)):
            others = frozenset()
        elif texts is not None:
            texts = self._told_from(texts, all_types - STRING)
        end = quoted(END_VALUE + self._feed)
        text = None
        if texts is not None:
            text = self._grammar.terminal(f"{self._texts.without(texts, _END)} {end}")
        if not others:
            return text
        alone = self._root.alone(schema)
        if "string" in types:
            alone = _of_types(alone, others)
        value = self._grammar.json_value(alone, (self._tool.name, *path), is_lenient=not self._tool.strict)
        return f"{value} {closing}" if text is None else f"({text} | {value} {closing})"

    def _told_from(self, texts: str, others: frozenset[str]) -> str:
        """Without the texts that the parser takes for a value of another type."""
        scalars = [_JSON_TEXTS[each] for each in sorted(others) if each in _JSON_TEXTS]
        if scalars:
            like = f"/{_SPACE}({'|'.join(scalars)}){_SPACE}(<(?s:.*))?/"
            texts = self._texts.without(texts, self._grammar.terminal(like))
        containers = [_CONTAINERS[each] for each in sorted(others) if each in _CONTAINERS]
        if containers:
            like = f"/{_SPACE}({'|'.join(containers)})(?s:.*)/"
            texts = self._texts.without(texts, self._grammar.terminal(like))
        return texts


_EMPTY: Final = '""'


def _conjunction(schemas: Schemas) -> Any:
    if len(schemas) < 2:
        return schemas[0] if schemas else {}
    return {"allOf": list(schemas)}


def _is_free(schema: object) -> bool:
    """Nothing but its type is said, so that every text is a value of it."""
    if not isinstance(schema, Mapping):
        return True
    types = schema.get("type")
    listed = types if isinstance(types, list) else [types]
    return schema.keys() <= ANNOTATIONS | {"type"} and "integer" not in listed


def _of_types(schema: dict[str, Any], types: frozenset[str]) -> dict[str, Any]:
    definitions = {"$defs": schema["$defs"]} if "$defs" in schema else {}
    inner = {key: value for key, value in schema.items() if key != "$defs"}
    return {"allOf": [inner, {"type": sorted(types)}], **definitions}
