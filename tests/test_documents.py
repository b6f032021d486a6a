"""What the documents promise is there: links and their anchors, files, settings, commands, make's targets.

What is made from the code is current.
"""

import re
import shlex
import subprocess
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import pytest
import typer

from app.cli.application import application
from app.cli.errors_reference import errors_reference
from app.cli.settings_reference import settings_reference
from app.settings import Settings

from .markdown import ROOT, Document, commands, documents

DOCUMENTS = documents()
TOP_LEVEL = tuple(
    f"{path.name}/" for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith(".")
)
PLACEHOLDERS = re.compile(r"[…*<>{}]|NNNN|NAME")
each_document = pytest.mark.parametrize("document", DOCUMENTS, ids=str)


@pytest.mark.parametrize(
    ("name", "make"), [("settings.md", settings_reference), ("errors.md", errors_reference)]
)
def test_reference_is_what_the_code_says(name: str, make: Callable[[], str]) -> None:
    assert (ROOT / "docs" / name).read_text() == make(), f"docs/{name} is old: run `make docs`"


@each_document
def test_every_link_leads_somewhere(document: Document) -> None:
    assert not document.undefined_references()
    for link in document.links():
        if link.startswith(("https://", "http://", "mailto:")):
            continue
        target, _, anchor = link.partition("#")
        path = (document.path.parent / target) if target else document.path
        assert path.exists(), f"{document}: {link}"
        if anchor:
            assert anchor in Document(path).anchors(), f"{document}: {link}"


@each_document
def test_every_file_that_is_named_exists(document: Document) -> None:
    for span in document.code_spans():
        name = span.split("#")[0].split("::")[0].split(":")[0]
        if name.startswith(TOP_LEVEL) and not PLACEHOLDERS.search(name) and " " not in name:
            assert (ROOT / name).exists() or _is_ignored(name), f"{document}: {span}"


@each_document
def test_every_setting_that_is_named_exists(document: Document) -> None:
    known = _settings()
    for name in set(re.findall(r"GATEWAY_[A-Z0-9_]+(?![A-Z0-9_…{*])", document.text)):
        is_prefix = name.endswith("_")
        assert name in known or (is_prefix and any(one.startswith(name) for one in known)), (
            f"{document}: {name}"
        )


@each_document
def test_every_command_can_be_called_like_that(document: Document) -> None:
    for block in document.blocks("sh"):
        checked = subprocess.run(["bash", "-n"], input=block, text=True, capture_output=True, check=False)
        assert checked.returncode == 0, f"{document}: {checked.stderr}"
        for command in commands(block):
            _check(command, document)
    for span in document.code_spans():
        if span.startswith(("gateway ", "make ", "python -m ")) and not PLACEHOLDERS.search(span):
            _check(span, document)


def test_a_command_that_is_none_is_noticed() -> None:
    for wrong in (
        "gateway tokens list",
        "gateway token issue --usr me",
        "make rum",
        "python -m benchmarks.no",
    ):
        with pytest.raises(AssertionError):
            _check(wrong, DOCUMENTS[0])


def _check(command: str, document: Document) -> None:
    """Looks for the project's own programs in a line, behind assignments, pipes and substitutions too."""
    flat = re.sub(r"\$\(|\)|\||&&|;", " ; ", command)
    for part in flat.split(" ; "):
        words = [word for word in _words(part) if not re.fullmatch(r"\w+=.*", word)]
        match words:
            case [program, *arguments] if program.split("/")[-1] == "gateway":
                assert _is_command(arguments), f"{document}: {part}"
            case ["make", *targets]:
                assert set(targets) <= _targets(), f"{document}: {part}"
            case [program, "-m", module, *_] if program.split("/")[-1].startswith("python"):
                assert find_spec(module) is not None, f"{document}: {part}"
            case [program, *_] if program.startswith(TOP_LEVEL):
                assert (ROOT / program).is_file(), f"{document}: {part}"


def _words(part: str) -> list[str]:
    try:
        return shlex.split(part, comments=True)
    except ValueError:  # cut inside quotes
        return []


def _is_command(arguments: list[str]) -> bool:
    command: Any = typer.main.get_command(application)
    while True:
        try:
            context = command.make_context("gateway", list(arguments))
        except typer.Exit as ended:  # --help and --version
            return ended.exit_code == 0
        except Exception:
            return False
        if not hasattr(command, "resolve_command"):
            return True
        rest = [*context._protected_args, *context.args]  # click's own invoke() does the same
        try:
            _, command, arguments = command.resolve_command(context, rest)
        except Exception:
            return False


def _targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):(?!=)", (ROOT / "Makefile").read_text(), re.MULTILINE))


def _settings() -> set[str]:
    names = set()
    for name, field in Settings.model_fields.items():
        names.add(f"GATEWAY_{name}".upper())
        for part in getattr(field.annotation, "model_fields", {}):
            names.add(f"GATEWAY_{name}__{part}".upper())
    return names


def _is_ignored(name: str) -> bool:
    """Made by a command and not committed, as a directory of data is."""
    directory = f"{name.rstrip('/')}/"
    return subprocess.run(["git", "check-ignore", "-q", directory], cwd=ROOT, check=False).returncode == 0
