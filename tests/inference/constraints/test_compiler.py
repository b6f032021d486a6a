"""Grammars are written and compiled elsewhere, within bounds, once, and in turns."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import CancelledError
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from inference.constraints.compiler import Compilation, GrammarCompiler, Model
from inference.constraints.glm_calls import GlmCalls
from inference.constraints.grammar_cache import CompiledGrammar, Refused
from inference.constraints.grammar_check import CheckedGrammar, GrammarCheck
from inference.constraints.grammar_refusal import TOO_COMPLEX
from inference.constraints.grammar_server import GRAMMAR_BYTES
from inference.constraints.request_grammar import GrammarOrder
from inference.constraints.turns import Turns
from inference.errors import InvalidGrammar
from inference.types import GenerationRequest, JsonSchemaOutput, ToolDefinition

TOKENS = [bytes([byte]) for byte in range(256)] + [b""]
SECONDS = 60.0  # of patience on a busy machine


class ElsewhereOnly(GlmCalls):
    """In another process it is GlmCalls."""

    def call_rules(self, tools: object) -> Any:  # Any: there is no result
        raise AssertionError("a schema is read in the gateway's own process")

    def __reduce__(self) -> tuple[object, ...]:
        return GlmCalls, ()


MODEL = Model(lambda: TOKENS, [], [256], lambda text: list(text.encode()), ElsewhereOnly())
LOOP = {"anyOf": [{"$ref": "#/$defs/A"}] * 30}  # evaluated again at each reference: 30 ** 8 steps
HOSTILE: dict[str, dict[str, Any]] = {
    "a multiple of a large number": {"type": "integer", "multipleOf": 1234567},
    "thousands of optional properties": {
        "type": "object",
        "properties": {f"p{index}": {"type": "string"} for index in range(5000)},
    },
    "hundreds of optional properties, which exceed the limits after some tokens": {
        "type": "object",
        "properties": {f"p{index}": {"type": "boolean"} for index in range(600)},
        "additionalProperties": False,
    },
}
HOSTILE_TOOLS: dict[str, dict[str, Any]] = {
    "references that branch": {"properties": {"p": {"$ref": "#/$defs/A"}}, "$defs": {"A": LOOP}},
    "many properties with large definitions": {
        "properties": {f"p{index}": {"type": "null"} for index in range(4000)},
        "$defs": {"D": {"description": "x" * 60_000}},
    },
}


@pytest.fixture
def compiler():
    compiler = GrammarCompiler(MODEL, 1 << 28)
    yield compiler
    compiler.close()


@pytest.fixture(scope="module")
def check():
    check = GrammarCheck(TOKENS, [], [256], GlmCalls())
    yield check
    check.close()


@pytest.fixture
def schema_request(make_request) -> Callable[..., GenerationRequest]:
    def make(schema: dict[str, Any], **fields: Any) -> GenerationRequest:
        request: GenerationRequest = make_request("hello", output_format=JsonSchemaOutput(schema), **fields)
        return request

    return make


def order_of(schema: dict[str, Any]) -> str:
    return GrammarOrder("response_format", "answer", output_format=JsonSchemaOutput(schema)).to_text()


def compiled(future: Compilation) -> CompiledGrammar:
    result = future.result(SECONDS)
    assert result is not None
    return result


def test_every_compilation_is_a_response_of_its_own(compiler, schema_request) -> None:
    one, other = (compiled(compiler.compile(schema_request({"const": "ab"}))).constraint for _ in range(2))
    one.consume(ord('"'))
    assert other.forced_tokens() == list(b'"ab"')
    assert one.forced_tokens() == list(b'ab"')


def test_schemas_of_tools_are_read_in_another_process_which_returns_plain_data(
    compiler, make_request
) -> None:
    parameters = {
        "properties": {"a": {"$ref": "#/$defs/n"}, "b": {"type": "string"}},
        "$defs": {"n": {"type": "null"}},
    }
    result = compiled(compiler.compile(make_request("hello", tools=(ToolDefinition("f", "", parameters),))))
    types = result.types["f"]
    assert (types.of("a"), types.of("b")) == ({"null"}, {"string"})


@pytest.mark.parametrize("parameters", HOSTILE_TOOLS.values(), ids=HOSTILE_TOOLS)
def test_a_hostile_tool_ends_alone(compiler, make_request, schema_request, parameters) -> None:
    future = compiler.compile(make_request("hello", tools=(ToolDefinition("f", "", parameters),)))
    with pytest.raises(InvalidGrammar, match=r"^tools "):
        future.result(SECONDS)
    compiled(compiler.compile(schema_request({"const": 1})))


def test_nothing_to_compile_is_no_constraint(compiler, make_request) -> None:
    tools = (ToolDefinition("f"),)
    assert compiler.compile(make_request("hello", tools=tools, tool_choice="none")).result(SECONDS) is None


def test_requests_beyond_the_bounds_are_refused(compiler, make_request) -> None:
    with pytest.raises(InvalidGrammar, match="tool_choice"):
        compiler.compile(make_request("hello", tool_choice="required")).result(SECONDS)


def test_what_is_known_does_not_wait_for_what_is_being_compiled(compiler, schema_request) -> None:
    known = schema_request({"const": "known"}, fairness_key="known")
    compiled(compiler.compile(known))
    server = compiler.prepare().result(SECONDS)[1].server_id
    os.kill(server, signal.SIGSTOP)
    try:
        waiting = [compiler.compile(schema_request({"const": user}, fairness_key=user)) for user in "abc"]
        compiled(compiler.compile(known))
        assert not any(each.done() for each in waiting)
    finally:
        os.kill(server, signal.SIGCONT)
    for each in waiting:
        compiled(each)


def test_closing_ends_a_compilation(schema_request) -> None:
    compiler = GrammarCompiler(MODEL, 1 << 28)
    server = compiler.prepare().result(SECONDS)[1].server_id
    os.kill(server, signal.SIGSTOP)
    future = compiler.compile(schema_request({"const": 1}))
    compiler.close()
    with pytest.raises((InvalidGrammar, CancelledError)):
        future.result(SECONDS)
    assert not psutil.pid_exists(server)


def test_a_vocabulary_that_cannot_be_read_leaves_no_server() -> None:
    before = set(psutil.Process().children())
    compiler = GrammarCompiler(replace(MODEL, eos_token_ids=[1_000_000]), 1 << 28)
    assert isinstance(compiler.prepare().exception(SECONDS), IndexError)
    assert set(psutil.Process().children()) == before


def test_the_childs_memory_is_bounded() -> None:
    script = (
        "from inference.constraints import grammar_server as server; server._limit()\n"
        "bytearray(server.GRAMMAR_BYTES + (8 << 20))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert "MemoryError" in done.stderr
    assert GRAMMAR_BYTES == 128 << 20


@pytest.mark.parametrize("schema", HOSTILE.values(), ids=HOSTILE)
def test_a_grammar_that_exhausts_its_process_ends_alone(check, schema) -> None:
    accepted = check.check(order_of({"const": 1}), "response_format")
    assert isinstance(accepted, CheckedGrammar)
    assert accepted.num_bytes < 16 << 20
    server = check.server_id
    refused = check.check(order_of(schema), "response_format")
    assert isinstance(refused, Refused)
    assert refused.reason == TOO_COMPLEX
    assert isinstance(check.check(order_of({"const": 2}), "response_format"), CheckedGrammar)
    assert check.server_id == server, "the vocabulary is not read again"


def test_a_server_that_died_is_replaced(check) -> None:
    assert isinstance(check.check(order_of({"const": 1}), ""), CheckedGrammar)
    psutil.Process(check.server_id).kill()
    psutil.wait_procs([psutil.Process(check.server_id)], timeout=SECONDS)
    assert isinstance(check.check(order_of({"const": 2}), ""), CheckedGrammar)


def test_the_server_gets_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_AUTH__SIGNING_KEY", "a secret")
    check = GrammarCheck(TOKENS, [], [256], GlmCalls())
    try:
        assert isinstance(check.check(order_of({"const": 1}), ""), CheckedGrammar)
        assert "a secret" not in Path(f"/proc/{check.server_id}/environ").read_text()
    finally:
        check.close()


def test_users_take_turns_and_have_one_compilation_at_a_time() -> None:
    turns: Turns[int] = Turns()
    for job in range(3):
        turns.add("greedy", job)
    turns.add("other", 3)
    assert turns.take() == ("greedy", 0)
    assert turns.take() == ("other", 3)
    turns.add("other", 4)
    assert turns.take() is None, "both have one"
    turns.finish("greedy")
    assert turns.take() == ("greedy", 1)
    turns.finish("other")
    assert turns.take() == ("other", 4)
    turns.finish("greedy")
    assert turns.take() == ("greedy", 2)
    assert turns.take() is None


def test_a_refusal_is_remembered_with_its_place(compiler, schema_request) -> None:
    """The second compilation does not reach the server."""
    request = schema_request({"items": {"type": "array", "uniqueItems": True}})
    for _ in range(2):
        with pytest.raises(InvalidGrammar, match="uniqueItems") as caught:
            compiler.compile(request).result(SECONDS)
        assert (caught.value.field, caught.value.path) == ("response_format", ("items",))
        compiler.prepare().result(SECONDS)[1].close()
