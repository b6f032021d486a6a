"""Why a grammar is refused, in words of our own: the compiler's messages are not for responses."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from inference.constraints.json_grammar import PLACE, SCHEMA_RULE
from inference.constraints.schema_fault import TrySchema, find_fault

TOO_COMPLEX: Final = "is too complex: compiling it takes too much time or memory"
UNKNOWN: Final = "cannot be compiled"

_MOST_QUOTED: Final = 200  # characters of the schema
_UNSATISFIABLE: Final = "cannot be satisfied by any value"
_VALUES: Final = {
    "f64": "a number",
    "positive integer": "a whole number of 0 or more",
    "string": "a string",
    "array": "an array",
    "object": "an object",
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """`reason` is a phrase. `path` leads from the request's field to the cause; it may end before it.

    `path` is None where no place was found. For tools it begins with the name of one.
    """

    reason: str
    path: tuple[str, ...] | None = None


EXHAUSTED: Final = Refusal(TOO_COMPLEX)  # for a grammar that takes more than the bounds


@dataclass(frozen=True, slots=True)
class _Kind:
    """`phrase` follows the path of a keyword or a schema; it has a place for the group of `pattern`.

    `names_keyword`: one keyword is at fault, and not its combination with others.
    """

    pattern: re.Pattern[str]
    phrase: str
    names_keyword: bool


def _of_keyword(pattern: str, phrase: str) -> _Kind:
    return _Kind(re.compile(pattern), phrase, names_keyword=True)


def _of_schema(pattern: str, phrase: str) -> _Kind:
    return _Kind(re.compile(pattern), phrase, names_keyword=False)


# The first whose pattern is found is the reason. Messages quote the schema, so that patterns begin where the
# message does, if they can.
_KNOWN: Final = (
    _of_schema(r"^Unimplemented keys: (\[[^\]\n]*\])", "uses keywords that are not supported: {}"),
    _of_keyword(r"^Invalid type: |^type must be ", "has a type that JSON Schema does not have"),
    _of_keyword(r"^schema must be an object or boolean", "must be a schema: an object, true or false"),
    _of_keyword(r"^Expected string for 'required' item", "must be an array of strings"),
    _of_keyword(r"^Expected (f64|string|array|object|positive integer) for ", "must be {}"),
    _of_keyword(r"^[$A-Za-z]+ must be an? (array|object|string)", "must be {}"),
    _of_keyword(r"^Value .* for '\w+' is too large|exceeds the supported range", "is too large"),
    _of_keyword(r"^invalid multiple of|^Value for 'multipleOf' must be", "must be greater than 0"),
    _of_keyword(r"^Value for 'multipleOf' has too many digits", "has too many digits"),
    _of_keyword(r"^circular references", "refers to its own schema, beside other keywords: not supported"),
    _of_keyword(
        r"^(?:Pointer|Resource|Anchor|Reference segment|Definition not found|Only absolute|Unknown spec)",
        "has a $ref that does not resolve: only the same schema (#/…) can be referred to",
    ),
    _of_schema(r"^oneOf constraints", "uses oneOf with alternatives that are not disjoint: write anyOf"),
    _of_schema(r"patternProperty regexes", "has patternProperties of which two may match the same name"),
    _of_schema(
        r"^Unsatisfiable schema: (m\w+ \(\d+\) is greater than \w[\w ]+ \(\d+\)|incompatible types"
        r"|required property '.*' is unsatisfiable)",
        f"{_UNSATISFIABLE}: {{}}",
    ),
    _of_keyword(r"^Unsatisfiable schema: anyOf is empty", f"{_UNSATISFIABLE}: it is empty"),
    _of_schema(r"^Unsatisfiable schema|^NoExtension", _UNSATISFIABLE),
    _of_keyword(
        r"(?m)^error: look-around|^lookarounds", "has a pattern with look-around or \\b: not supported"
    ),
    _of_keyword(r"(?m)^error: backreferences", "has a pattern with backreferences: not supported"),
    _of_keyword(r"^regex parse error|^invalid regex", "has a pattern that is not a regular expression"),
    _of_schema(r"too large|too many|limit|max is|fuel|level exceeded|TooComplex", TOO_COMPLEX),
)
_OTHER: Final = _of_keyword("", UNKNOWN)

_BEGIN: Final = re.compile(r"(?:at )?(?:(\d+)\(\d+\): )?(?:failed to compile JSON schema: )?")
_END: Final = re.compile(r"\n +\d+ \| ")  # then comes a quotation of the grammar


def explain(message: str, grammar: str, try_schema: TrySchema) -> Refusal:
    """The refusal of a grammar that the compiler refuses with `message`.

    `try_schema` may raise TimeoutError: then the path ends where it is.
    """
    reason, path = refusal_of(message).reason, None
    try:
        for schema in _schemas_of(grammar, message):
            alone = try_schema(schema)
            if alone is None:
                continue
            kind = _kind_of(alone)
            reason, path = _reason_of(alone, kind), list(schema[PLACE])
            for step in find_fault(schema, alone, try_schema, names_keyword=kind.names_keyword):
                path.append(step)  # one by one: the search may time out
            break
    except TimeoutError:
        pass
    return Refusal(reason, None if path is None else tuple(path))


def refusal_of(message: str) -> Refusal:
    """Without the place."""
    core = core_of(message)
    return Refusal(_reason_of(core, _kind_of(core)))


def core_of(message: str) -> str:
    """Without its place in the grammar and the quotation of it, in which a schema and its parts differ."""
    begin = _BEGIN.match(message)
    assert begin is not None  # all of it is optional
    return _END.split(message[begin.end() :], maxsplit=1)[0].strip()


def _schemas_of(grammar: str, message: str) -> Iterator[dict[str, Any]]:
    """The schema of the rule that the message names, or of every rule."""
    begin = _BEGIN.match(message)
    lines = grammar.splitlines()
    if begin is not None and begin[1] is not None:
        lines = lines[int(begin[1]) - 1 :][:1]
    for line in lines:
        rule = SCHEMA_RULE.fullmatch(line)
        if rule is not None:
            yield json.loads(rule[1])


def _kind_of(core: str) -> _Kind:
    return next((kind for kind in _KNOWN if kind.pattern.search(core)), _OTHER)


def _reason_of(core: str, kind: _Kind) -> str:
    found = kind.pattern.search(core)
    quoted = [_VALUES.get(group, group) for group in found.groups()] if found is not None else []
    return kind.phrase.format(*map(_harmless, quoted))


def _harmless(text: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in text[:_MOST_QUOTED])
