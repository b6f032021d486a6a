"""Grammars are compiled elsewhere, within bounds, and once."""

from pathlib import Path

import psutil
import pytest

from inference.constraints.compiler import GrammarCompiler
from inference.constraints.grammar_check import GRAMMAR_BYTES, GrammarCheck
from inference.constraints.grammar_refusal import EXHAUSTED
from inference.constraints.json_grammar import json_rule
from inference.errors import InvalidGrammar

TOKENS = [bytes([byte]) for byte in range(256)] + [b""]
SECONDS = 60.0  # of patience on a busy machine


def grammar_of(schema: dict[str, object]) -> str:
    return f"start: answer\nanswer: {json_rule(schema)}"


@pytest.fixture
def compiler():
    compiler = GrammarCompiler(lambda: TOKENS, [], [256], lambda text: list(text.encode()))
    yield compiler
    compiler.close()


@pytest.fixture
def check():
    check = GrammarCheck(TOKENS, [], [256])
    yield check
    check.close()


def test_every_compilation_is_a_response_of_its_own(compiler) -> None:
    write = lambda: ("response_format", grammar_of({"const": "ab"}))  # noqa: E731 - twice the same
    one, other = compiler.compile(write), compiler.compile(write)
    one.result(SECONDS).consume(ord('"'))
    assert other.result(SECONDS).forced_tokens() == list(b'"ab"')
    assert one.result().forced_tokens() == list(b'ab"')


def test_a_refusal_is_remembered_with_the_field_of_each_request(compiler) -> None:
    text = grammar_of({"items": {"type": "array", "uniqueItems": True}})
    for field in ("response_format", "tools"):
        with pytest.raises(InvalidGrammar, match="uniqueItems") as caught:
            compiler.compile(lambda field=field: (field, text)).result(SECONDS)
        assert (caught.value.field, caught.value.path) == (field, ("items",))


def test_nothing_to_compile_is_no_constraint(compiler) -> None:
    assert compiler.compile(lambda: None).result(SECONDS) is None


def test_an_error_while_the_grammar_is_written_reaches_the_request(compiler) -> None:
    def write() -> tuple[str, str]:
        raise InvalidGrammar("tools", "must be JSON")

    with pytest.raises(InvalidGrammar, match="must be JSON"):
        compiler.compile(write).result(SECONDS)


def test_the_childs_memory_is_bounded(check) -> None:
    assert check.check(grammar_of({"const": 1})) is None
    process = psutil.Process(check._process.pid)
    most, _ = process.rlimit(psutil.RLIMIT_AS)
    assert 0 < most <= process.memory_info().vms + GRAMMAR_BYTES


HOSTILE = {
    "a multiple of a large number": {"type": "integer", "multipleOf": 1234567},
    "thousands of optional properties": {
        "type": "object",
        "properties": {f"p{index}": {"type": "string"} for index in range(5000)},
    },
}


@pytest.mark.parametrize("schema", HOSTILE.values(), ids=HOSTILE)
def test_a_grammar_that_exhausts_the_child_ends_the_child_alone(check, schema) -> None:
    assert check.check(grammar_of({"const": 1})) is None
    assert check.check(grammar_of(schema)) == EXHAUSTED
    assert check.check(grammar_of({"const": 2})) is None


def test_a_child_that_died_is_replaced(check) -> None:
    assert check.check(grammar_of({"const": 1})) is None
    check._process.kill()
    check._process.wait()
    assert check.check(grammar_of({"const": 2})) is None


def test_the_child_gets_no_secrets(check, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_AUTH__SIGNING_KEY", "a secret")
    assert check.check(grammar_of({"const": 1})) is None
    environment = Path(f"/proc/{check._process.pid}/environ").read_text()
    assert "a secret" not in environment
