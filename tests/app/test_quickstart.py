"""The quick starts work: their commands and examples are run, and the code for phones is parsed.

`tests/app/quickstart/` runs the clients through a network that fails.
"""

import asyncio
import importlib.util
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import tree_sitter_kotlin
import tree_sitter_swift
from tree_sitter import Language, Node, Parser

from app.auth.token_issuer import NewTokens, TokenIssuer
from app.persistence.tables import UserRow
from tests.app.conftest import StartGateway
from tests.app.gateway import ALL_SCOPES, Gateway
from tests.app.shell import run_shell
from tests.markdown import ROOT, Document

pytestmark = pytest.mark.anyio

QUICKSTART = ROOT / "docs" / "quickstart"
GENEROUS = {"limits": {"requests_per_minute": 100, "concurrent_requests": 10}}
FILES = {
    "python": "gateway_client.py",
    "javascript": "gateway-client.js",
    "kotlin": "GatewayClient.kt",
    "swift": "GatewayClient.swift",
}
RULES = {
    "RETRIED_STATUS": ["429", "502", "503"],
    "RETRIED_CODES": ["stream_not_found", "stream_abandoned", "idempotency_key_in_use"],
}
GRAMMARS = {"swift": tree_sitter_swift.language(), "kotlin": tree_sitter_kotlin.language()}


async def refresh_token_of(gateway: Gateway, name: str = "alice") -> str:
    issuer = TokenIssuer(gateway.services.access_tokens, gateway.services.settings.auth)
    async with gateway.services.database.session() as db_session:
        user = UserRow(id=f"usr_{name}", name=name)
        db_session.add(user)
        await db_session.flush()
        issued = await issuer.issue(db_session, user, NewTokens(ALL_SCOPES.split(), with_refresh=True))
    assert issued.refresh_token is not None
    return issued.refresh_token


async def run_block(script: str, gateway: Gateway) -> str:
    data_dir = gateway.services.settings.data_dir
    return await run_shell(script, ROOT, data_dir, API=f"http://127.0.0.1:{gateway.port}")


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
async def test_every_command_of_the_curl_quick_start_works(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(**GENEROUS)
    script = "\n".join(Document(QUICKSTART / "curl.md").blocks("sh"))
    printed = await run_block(script, gateway)
    for expected in ('"transcript":', "event: done", '"object":"chat.completion"', '"refresh_token":"rt_'):
        assert expected in printed, expected
    assert printed.count('"content":"one two three') == 5  # chat, vision, speech, OpenAI's, retried


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
async def test_examples_of_the_readme_work(start_gateway: StartGateway, tmp_path: Path) -> None:
    """With another port and the available model."""
    gateway = await start_gateway(**GENEROUS)
    _, using_it, *_ = Document(ROOT / "README.md").blocks("sh")
    (example,) = Document(ROOT / "README.md").blocks("python")
    address = f"127.0.0.1:{gateway.port}"
    script = using_it.replace("127.0.0.1:8000", address).replace(".venv/bin/gateway", "gateway")
    program = tmp_path / "example.py"
    program.write_text(
        "import sys\nTOKEN = sys.argv[1]\n"
        + example.replace("127.0.0.1:8000", address).replace("autoglm-phone-tiny", "scripted")
    )
    printed = await run_block(f'{script}\npython {program} "$TOKEN"', gateway)
    assert printed.count('"content":"one two three') == 3
    assert printed.endswith("one two three four five six seven eight")


@pytest.fixture(scope="module")
def quickstart() -> ModuleType:
    """The Python client."""
    spec = importlib.util.spec_from_file_location("gateway_client", QUICKSTART / "gateway_client.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


MakeClient = Callable[[Gateway, str], Any]


@pytest.fixture
def make_client(quickstart: ModuleType) -> Iterator[MakeClient]:
    """Clients of a gateway that record what they save, and how long they would have slept."""
    clients = []

    def make(gateway: Gateway, refresh_token: str) -> Any:
        saved: list[str] = []
        slept: list[float] = []
        url = f"http://127.0.0.1:{gateway.port}"
        client = quickstart.GatewayClient(url, refresh_token, saved.append, sleep=slept.append)
        client.saved, client.slept = saved, slept
        clients.append(client)
        return client

    yield make
    for client in clients:
        client._http.close()


async def test_python_quick_start_works(start_gateway: StartGateway, tmp_path: Path) -> None:
    gateway = await start_gateway(**GENEROUS)
    token_file = tmp_path / "token"
    token_file.write_text(await refresh_token_of(gateway))
    (tmp_path / "example.py").write_text("\n".join(Document(QUICKSTART / "python.md").blocks("python")))
    script = f"export TOKEN_FILE={token_file} PYTHONPATH={QUICKSTART}\npython -B {tmp_path}/example.py"
    lines = (await run_block(script, gateway)).rstrip("\n").split("\n")
    whole = "one two three four five six seven eight"
    assert lines[0].startswith("\rone\rone two")
    assert lines[0].endswith(f"\r{whole} (stop)")
    assert lines[1:] == [whole] * 3


async def test_python_client_waits_for_retry_after(
    start_gateway: StartGateway, make_client: MakeClient
) -> None:
    """Once: a second wait would be longer than its patience."""
    gateway = await start_gateway(limits={"requests_per_minute": 1})
    client = make_client(gateway, await refresh_token_of(gateway))
    await asyncio.to_thread(lambda: list(client.chat(prompt="hello")))
    with pytest.raises(Exception, match="Too many requests") as refused:
        await asyncio.to_thread(lambda: list(client.chat(prompt="hello")))
    assert refused.value.code == "rate_limit_exceeded"
    (seconds,) = client.slept
    assert 50 <= seconds <= 60


async def test_python_client_reports_errors_that_retries_do_not_solve(
    start_gateway: StartGateway, make_client: MakeClient
) -> None:
    gateway = await start_gateway(limits={"daily_tokens": 9})
    client = make_client(gateway, await refresh_token_of(gateway))
    await asyncio.to_thread(lambda: list(client.chat(prompt="hello", max_tokens=5)))
    for options, code in (({"max_tokens": 9}, "daily_tokens_exceeded"), ({"typo": 1}, "invalid_request")):
        with pytest.raises(Exception) as refused:
            await asyncio.to_thread(lambda chosen: list(client.chat(prompt="hello", **chosen)), options)
        assert refused.value.code == code
    assert client.slept == []


async def test_python_client_retries_after_a_lost_connection(
    start_gateway: StartGateway, make_client: MakeClient
) -> None:
    gateway = await start_gateway(**GENEROUS)
    client = make_client(gateway, await refresh_token_of(gateway))
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    real, client._http.base_url = (
        client._http.base_url,
        f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}",
    )

    def come_back(seconds: float) -> None:
        client.slept.append(seconds)
        client._http.base_url = real

    client._sleep = come_back
    replies = await asyncio.to_thread(lambda: list(client.chat(prompt="hello")))
    assert replies[-1].finish_reason == "stop"
    (seconds,) = client.slept  # during the refresh
    assert 0 <= seconds < 1
    server.close()


def client_code(language: str) -> str:
    return (QUICKSTART / FILES[language]).read_text()


@pytest.mark.parametrize("language", GRAMMARS)
def test_code_for_phones_is_complete_and_parses(language: str) -> None:
    parser = Parser(Language(GRAMMARS[language]))
    code = client_code(language)
    blocks = Document(QUICKSTART / f"{language}.md").blocks(language)
    if language == "swift":  # Kotlin's own compiler reads the other one, in tests/app/quickstart
        blocks.append(code)
    for block in blocks:
        tree = parser.parse(block.encode())
        assert not tree.root_node.has_error, _first_error(tree.root_node)
    for needed in ("401", "Retry-After", "invalid_grant", "event: ", "data: ", "auth/token"):
        assert needed in code
    assert parser.parse(b"class {").root_node.has_error


def test_swift_client_is_the_kotlin_client_function_by_function() -> None:
    """The Kotlin one is compiled and run; for Swift there is no compiler in the tests."""
    kotlin = re.findall(r"\bfun (?:\w+\.)?(\w+)\(", client_code("kotlin"))
    swift = re.findall(r"\bfunc (\w+)\(", client_code("swift"))
    assert [name for name in swift if name not in ("run", "encode", "whole")] == kotlin
    assert len(kotlin) > 15


@pytest.mark.parametrize("language", FILES)
def test_clients_have_the_same_rules(language: str) -> None:
    code = client_code(language)
    for name, values in RULES.items():
        (line,) = re.findall(rf"^.*\b{name}\b[^()\n]* = (.*)$", code, re.MULTILINE)
        assert re.findall(r"\w{3,}", line.replace("setOf", "").replace("new Set", "")) == values, line
    for header in ("Authorization", "Idempotency-Key", "Last-Event-ID", "Retry-After", "Stream-Id"):
        assert header in code
    for patience in (r"\b60\b", r"\b25\b", r"\b16\b"):
        assert re.search(patience, code), patience


def _first_error(node: Node) -> str:
    if node.is_error or node.is_missing:
        return f"line {node.start_point[0] + 1}: {node.text!r}"
    return next((_first_error(child) for child in node.children if child.has_error), "")
