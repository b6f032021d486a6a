"""Finds every sentence that a client can get, in the source and in the classes of errors."""

import ast
import importlib
import re
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from types import ModuleType

from app import errors
from app.cli.errors_reference import concrete_errors
from app.http.field_sentences import TEMPLATES
from app.sentence import engine_reason
from inference.constraints import grammar_refusal

ROOT = Path(__file__).parents[2]
FIRST = {"Sentence", "ValueError"}  # calls whose first argument is a sentence
OF_ENGINE = {"InvalidGrammar", "InvalidParameter"}
SECOND = {"of_field", "refuse", *OF_ENGINE}
ENGINE = (
    "inference/backends/remote/refusals.py",
    "inference/constraints/bounds.py",
    "inference/constraints/glm_grammar.py",
)
NOT_FOR_CLIENTS = {
    "app/auth/signing_keys.py", "app/auth/token_guard.py", "app/cli", "app/http/body/long_base64.py",
    "app/library_variables.py", "app/media", "app/memory_budget.py", "app/networks.py", "app/ops",
    "app/persistence", "app/secret_strength.py", "app/server", "app/server_urls.py", "app/settings.py",
    "app/telemetry",
}  # fmt: skip  # of whose ValueErrors
ERRORS = {
    name
    for name, value in vars(errors).items()
    if isinstance(value, type) and issubclass(value, errors.GatewayError)
}


def message_ids() -> set[str]:
    found = {error.detail for error in concrete_errors()}
    found |= {HTTPStatus(error.status_code).phrase for error in concrete_errors()}
    found |= set(TEMPLATES.values()) | {"images", "audio"}
    for path in (*sorted((ROOT / "app").rglob("*.py")), *(ROOT / name for name in ENGINE)):
        found |= set(_of_module(path))
    for kind in (*grammar_refusal._KNOWN, grammar_refusal._OTHER):
        found |= set(_engine_reasons(kind.phrase))
    return found


def unkept_templates() -> list[str]:
    """Errors whose sentence is built before `Sentence` can keep its template."""
    return [
        f"{path.relative_to(ROOT)}:{call.lineno}"
        for path in sorted((ROOT / "app").rglob("*.py"))
        for call in _calls(ast.parse(path.read_text()))
        if _name_of(call) in ERRORS | {"Sentence"} and call.args and _is_built(call.args[0])
    ]


def _of_module(path: Path) -> Iterator[str]:
    name = path.relative_to(ROOT).as_posix()
    module: ModuleType | None = None
    tree = ast.parse(path.read_text())
    for call in _calls(tree):
        called = _name_of(call)
        if called == "ValueError" and any(name.startswith(each) for each in NOT_FOR_CLIENTS):
            continue
        if called in FIRST | ERRORS:
            argument = call.args[0] if call.args else None
        elif called in SECOND and len(call.args) > 1:
            argument = call.args[1]
        else:
            continue
        if isinstance(argument, ast.Call | None):
            continue  # a Sentence is found by itself
        module = module or importlib.import_module(name.removesuffix(".py").replace("/", "."))
        try:
            value = eval(compile(ast.Expression(argument), name, "eval"), vars(module))
        except NameError:
            value = _value_of_local(tree, argument)
        if isinstance(value, str):
            value = getattr(value, "template", value)
            yield from _engine_reasons(value) if called in OF_ENGINE else (value,)


def _value_of_local(tree: ast.AST, argument: ast.expr) -> object:
    """A constant that the variable is given; None for a Sentence, which is found where it is made."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
            names = {target.id for target in node.targets if isinstance(target, ast.Name)}
            if isinstance(argument, ast.Name) and argument.id in names:
                return node.value.value
    return None


def _engine_reasons(phrase: str) -> Iterator[str]:
    """The parts that `engine_reason` makes. A quotation at the end is not translated."""
    reason = engine_reason(phrase)
    for part in reason.values.values() or (reason,):
        if "{}" not in part:
            yield str(part)
        elif part != "{}":
            yield from (part.replace("{}", value) for value in grammar_refusal._VALUES.values())


def _calls(tree: ast.AST) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def _name_of(call: ast.Call) -> str:
    match call.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def _is_built(argument: ast.expr) -> bool:
    return isinstance(argument, ast.JoinedStr | ast.BinOp)


def placeholders(text: str) -> set[str]:
    return set(re.findall(r"\{(\w+)\}", text))
