"""The quick starts work: those for curl and Python are run, those for Swift and Kotlin are parsed."""

import asyncio
import shutil
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import tree_sitter_kotlin
import tree_sitter_swift
from tree_sitter import Language, Node, Parser

from app.auth.access_tokens import AccessTokens
from app.auth.token_issuer import NewTokens, TokenIssuer
from app.persistence.tables import UserRow
from tests.app.conftest import StartGateway
from tests.app.gateway import ALL_SCOPES, Gateway
from tests.app.shell import run_shell
from tests.markdown import ROOT, Document

pytestmark = pytest.mark.anyio

QUICKSTART = ROOT / "docs" / "quickstart"
GENEROUS = {"limits": {"requests_per_minute": 100, "concurrent_requests": 10}}
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


@pytest.fixture
def python_blocks() -> list[str]:
    return Document(QUICKSTART / "python.md").blocks("python")


@pytest.fixture
def quickstart(python_blocks: list[str]) -> SimpleNamespace:
    """The names that the client defines, like a module."""
    names: dict[str, Any] = {"__name__": "quickstart"}
    exec(compile(python_blocks[0], "docs/quickstart/python.md", "exec"), names)
    return SimpleNamespace(**names)


MakeClient = Callable[..., Any]


@pytest.fixture
def make_client(quickstart: SimpleNamespace) -> Iterator[MakeClient]:
    """Clients of a gateway that record what they save, and how long they would have slept."""
    clients = []

    def make(gateway: Gateway, refresh_token: str) -> Any:
        saved: list[str] = []
        slept: list[float] = []
        url = f"http://127.0.0.1:{gateway.port}"
        client = quickstart.GatewayClient(url, refresh_token, save=saved.append, sleep=slept.append)
        client.saved, client.slept = saved, slept
        clients.append(client)
        return client

    yield make
    for client in clients:
        client._http.close()


async def test_python_quick_start_works(
    start_gateway: StartGateway, python_blocks: list[str], tmp_path: Path
) -> None:
    gateway = await start_gateway(**GENEROUS)
    token_file = tmp_path / "token"
    token_file.write_text(await refresh_token_of(gateway))
    (tmp_path / "client.py").write_text("\n".join(python_blocks))
    script = f"TOKEN_FILE={token_file} python {tmp_path}/client.py"
    lines = (await run_block(script, gateway)).splitlines()
    assert lines == ["one two three four five six seven eight"] * 4


async def test_python_client_refreshes_an_expired_token_once(
    start_gateway: StartGateway, make_client: MakeClient
) -> None:
    gateway = await start_gateway(**GENEROUS)
    client = make_client(gateway, await refresh_token_of(gateway))
    services = gateway.services
    past = AccessTokens(
        services.signing_keys,
        services.account_changes,
        services.settings.auth,
        clock=lambda: time.time() - 3600,
    )
    client.access_token = past.mint("usr_alice", ["chat"], timedelta(minutes=15)).encoded
    assert await asyncio.to_thread(lambda: "".join(client.chat("hello"))) != ""
    assert await asyncio.to_thread(lambda: "".join(client.chat("again"))) != ""
    assert len(client.saved) == 1


async def test_python_client_waits_for_retry_after(
    start_gateway: StartGateway, make_client: MakeClient
) -> None:
    gateway = await start_gateway(limits={"requests_per_minute": 1})
    client = make_client(gateway, await refresh_token_of(gateway))
    await asyncio.to_thread(lambda: list(client.chat("hello")))
    with pytest.raises(Exception, match="Too many requests") as refused:
        await asyncio.to_thread(lambda: list(client.chat("hello")))
    assert refused.value.code == "rate_limit_exceeded"
    assert len(client.slept) == 3  # four attempts
    assert all(50 <= seconds <= 60 for seconds in client.slept)


async def test_python_client_reports_errors_that_retries_do_not_solve(
    start_gateway: StartGateway, make_client: MakeClient
) -> None:
    gateway = await start_gateway(limits={"daily_tokens": 9})
    client = make_client(gateway, await refresh_token_of(gateway))
    await asyncio.to_thread(lambda: list(client.chat("hello", max_tokens=5)))
    for options, code in (({"max_tokens": 9}, "daily_tokens_exceeded"), ({"typo": 1}, "invalid_request")):
        with pytest.raises(Exception) as refused:
            await asyncio.to_thread(lambda chosen: list(client.chat("hello", **chosen)), options)
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
    assert await asyncio.to_thread(lambda: "".join(client.chat("hello"))) != ""
    assert client.slept == [1]  # during the refresh
    server.close()


@pytest.mark.parametrize("language", GRAMMARS)
def test_code_for_phones_is_complete_and_parses(language: str) -> None:
    blocks = Document(QUICKSTART / f"{language}.md").blocks(language)
    parser = Parser(Language(GRAMMARS[language]))
    for block in blocks:
        tree = parser.parse(block.encode())
        assert not tree.root_node.has_error, _first_error(tree.root_node)
    code = "\n".join(blocks)
    for needed in ("token_expired", "Retry-After", "invalid_grant", "event: ", "data: ", "auth/token"):
        assert needed in code
    assert parser.parse(b"class {").root_node.has_error


def _first_error(node: Node) -> str:
    if node.is_error or node.is_missing:
        return f"line {node.start_point[0] + 1}: {node.text!r}"
    return next((_first_error(child) for child in node.children if child.has_error), "")
