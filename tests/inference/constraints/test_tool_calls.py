"""GLM's and Hermes' formats of tool calls: grammar, parser, writing."""

import json

import pytest

from inference.constraints.call_parser import BEGIN_CALL, ToolFormat
from inference.constraints.glm_calls import GlmCalls
from inference.constraints.grammar_vocabulary import GrammarConstraint, GrammarVocabulary
from inference.constraints.hermes_calls import HermesCalls
from inference.errors import InvalidGrammar
from inference.types import ToolCall, ToolDefinition

WEATHER = ToolDefinition(
    "get_weather",
    "The weather",
    {
        "type": "object",
        "properties": {
            "city": {"type": "string"},
            "days": {"type": "integer", "minimum": 1, "maximum": 9},
            "unit": {"enum": ["c", "f"]},
            "note": {"type": ["string", "null"]},
            "place": {
                "type": "object",
                "properties": {"name": {"type": "string"}},
                "required": ["name"],
                "additionalProperties": False,
            },
        },
        "required": ["city", "place"],
        "additionalProperties": False,
    },
)
FREE = ToolDefinition("free")
CLOSED = ToolDefinition("closed", "", {"type": "object", "properties": {}, "additionalProperties": False})
TOOLS = (WEATHER, FREE, CLOSED)
FORMATS: dict[str, ToolFormat] = {"GLM-4.5": GlmCalls(), "GLM-4.7": GlmCalls(""), "Hermes": HermesCalls()}
ARGUMENTS = [
    ("get_weather", {"city": "Oslo", "place": {"name": "here"}}),
    ("get_weather", {"city": 'O"s\\lo\n</x> 城', "days": 3, "unit": "f", "place": {"name": "</arg_value>}"}}),
    ("free", {"anything": "goes", "number": 12, "list": [1, {"a": None}]}),
    ("free", {}),
    ("closed", {}),
]
BAD_CALLS = [
    ("get_weather", {"place": {"name": "here"}}),
    ("get_weather", {"city": "Oslo", "days": 12, "place": {"name": "here"}}),
    ("get_weather", {"city": "Oslo", "unit": "k", "place": {"name": "here"}}),
    ("get_weather", {"city": "Oslo", "place": {"name": 1}}),
    ("get_weather", {"city": "Oslo", "place": {"name": "a"}, "other": 1}),
    ("closed", {"a": "b"}),
    ("unknown", {}),
]


@pytest.fixture(scope="module")
def vocabulary() -> GrammarVocabulary:
    return GrammarVocabulary([bytes([byte]) for byte in range(256)] + [b""], [], [256])


@pytest.fixture(params=FORMATS.values(), ids=FORMATS)
def tool_format(request: pytest.FixtureRequest) -> ToolFormat:
    return request.param


@pytest.fixture
def calls(vocabulary: GrammarVocabulary, tool_format: ToolFormat) -> GrammarConstraint:
    return vocabulary.compile(
        f'start: "{BEGIN_CALL}" call\n{tool_format.call_rules(TOOLS, vocabulary.is_regex)[0]}', "tools"
    )


def read(tool_format: ToolFormat, text: str, size: int) -> list[tuple[str, str]]:
    parser = tool_format.make_parser(tool_format.call_rules(TOOLS, bool)[1])
    found: dict[int, list[str]] = {}
    written = text.removeprefix(BEGIN_CALL)
    for start in range(0, len(written), size):
        for piece in parser.push(written[start : start + size]):
            if piece.name:
                assert piece.id.startswith("call_")
                found[piece.index] = [piece.name, ""]
            found[piece.index][1] += piece.arguments
    assert parser.num_calls == len(found)
    return [(name, arguments) for name, arguments in found.values()]


@pytest.mark.parametrize("size", [1, 3, 1000])
@pytest.mark.parametrize(
    ("name", "arguments"), ARGUMENTS, ids=[str(index) for index in range(len(ARGUMENTS))]
)
def test_a_call_is_written_generated_and_read(calls, tool_format, name, arguments, size) -> None:
    text = tool_format.write_call(ToolCall("", name, ""), arguments)
    assert calls.accepts_text(text)
    assert calls.is_complete
    ((found, written),) = read(tool_format, text, size)
    assert found == name
    assert json.loads(written) == arguments


@pytest.mark.parametrize(
    ("name", "arguments"), BAD_CALLS, ids=[str(index) for index in range(len(BAD_CALLS))]
)
def test_a_call_that_does_not_fit_the_tool_is_not_generated(calls, tool_format, name, arguments) -> None:
    text = tool_format.write_call(ToolCall("", name, ""), arguments)
    assert not (calls.accepts_text(text) and calls.is_complete)


def test_several_calls_are_numbered(tool_format) -> None:
    text = "\n".join(
        tool_format.write_call(ToolCall("", name, ""), arguments) for name, arguments in ARGUMENTS
    )
    found = read(tool_format, text, 2)
    assert [(name, json.loads(written)) for name, written in found] == ARGUMENTS


def test_glm_writes_an_element_for_each_argument() -> None:
    call = ToolCall("", "f", "")
    arguments = {"a": "x", "b": 1}
    feed = "<tool_call>f\n<arg_key>a</arg_key>\n<arg_value>x</arg_value>\n<arg_key>b</arg_key>\n<arg_value>1"
    assert GlmCalls().write_call(call, arguments) == feed + "</arg_value>\n</tool_call>"
    assert GlmCalls("").write_call(call, arguments) == (feed + "</arg_value>\n</tool_call>").replace("\n", "")


@pytest.mark.parametrize(
    ("schema", "written", "value"),
    [
        ({"type": "string"}, "12", "12"),
        ({"type": "string"}, "null", "null"),
        ({"type": ["string", "null"]}, "null", None),
        ({"type": ["string", "null"]}, "nothing", "nothing"),
        ({}, "12", 12),
        ({}, '"quoted"', '"quoted"'),
        ({}, "[1, 2", "[1, 2"),
        ({"anyOf": [{"type": "string"}, {"type": "number"}]}, "true", "true"),
        ({"anyOf": [{"$ref": "#/$defs/n"}, {"type": "number"}]}, "1.5", 1.5),
        ({"enum": ["1", "2"]}, "1", "1"),
    ],
)
def test_values_of_glm_have_the_types_of_the_schema(schema, written, value) -> None:
    parameters = {"properties": {"a": schema}, "$defs": {"n": {"type": "null"}}}
    types = GlmCalls().call_rules((ToolDefinition("f", "", parameters),), bool)[1]
    parser = GlmCalls().make_parser(types)
    pieces = parser.push(f"f\n<arg_key>a</arg_key>\n<arg_value>{written}</arg_value>\n</tool_call>")
    assert json.loads("".join(piece.arguments for piece in pieces)) == {"a": value}


def test_arguments_are_passed_on_while_they_are_written() -> None:
    parser = GlmCalls().make_parser(GlmCalls().call_rules(TOOLS, bool)[1])
    pieces = parser.push("get_weather\n<arg_key>city</arg_key>\n<arg_value>a long te")
    assert [piece.name for piece in pieces] == ["get_weather"]
    assert pieces[0].arguments == '{"city": "a long te'
    assert [piece.arguments for piece in parser.push("xt</arg_")] == ["xt"]


def test_a_parameter_that_cannot_be_written_is_refused() -> None:
    tool = ToolDefinition("f", "", {"properties": {"a</arg_key>": {}}})
    with pytest.raises(InvalidGrammar, match="tools must have parameters without"):
        GlmCalls().call_rules((tool,), bool)
