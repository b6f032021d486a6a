"""`gateway serve` as a process: its words, its stop, and the sentences when it cannot start."""

import asyncio
import contextlib
import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import httpx
import pytest

from app.persistence.migrations import ADVISORY_LOCK_KEY
from tests.app.cli.conftest import Run

pytestmark = pytest.mark.slow

GATEWAY = Path(sys.executable).with_name("gateway")
SECONDS = 60

Serve = Callable[..., "Server"]


@dataclass
class Server:
    """A running `gateway serve`. `words` is what it printed until it could be reached."""

    process: subprocess.Popen[str]
    words: list[str]
    data: Path
    environment: dict[str, str]

    @property
    def url(self) -> str:
        return self.block["serving on"]

    @property
    def block(self) -> dict[str, str]:
        """The aligned lines at the end."""
        lines = [re.split(r"  +", line.strip(), maxsplit=1) for line in self.words if line.startswith("  ")]
        return dict(reversed(lines))

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(SECONDS)


@contextlib.contextmanager
def serving(directory: Path) -> Iterator[Serve]:
    """Starts `gateway serve ARGUMENTS…` on a free port, its data in `directory`; keywords are settings."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("GATEWAY_")}
    own |= {"GATEWAY_DATA_DIR": str(directory / "data"), "GATEWAY_BACKEND": "scripted"}
    started: list[subprocess.Popen[str]] = []
    with contextlib.ExitStack() as terminals:

        def serve(
            *arguments: str, until: str = "  issue a token", on_terminal: bool = False, **settings: str
        ) -> Server:
            terminal, output = os.openpty() if on_terminal else (None, subprocess.PIPE)
            environment = own | settings
            process = subprocess.Popen(
                [GATEWAY, "serve", "--port", "0", *arguments],
                env=environment,
                cwd=directory,
                stdout=output,
                stderr=subprocess.PIPE,
                text=True,
            )
            started.append(process)
            stdout = process.stdout
            if terminal is not None:
                os.close(output)
                stdout = terminals.enter_context(open(terminal))
            assert stdout is not None
            words: list[str] = []
            while not words or not words[-1].startswith(until):
                line = stdout.readline()
                assert line, f"it ended after {words}"
                words.append(line.rstrip("\n"))
            return Server(process, words, directory / "data", environment)

        yield serve
        for process in started:
            process.kill()
            process.communicate()


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    with serving(tmp_path) as serve:
        yield serve


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Of tests that leave it as it is: a start takes seconds of a processor."""
    with serving(tmp_path_factory.mktemp("serve")) as serve:
        yield serve()


def count_usage(data: Path) -> int:
    database = sqlite3.connect(data / "gateway.db")
    (count,) = database.execute("SELECT count(*) FROM usage").fetchone()
    database.close()
    return int(count)


def token_for(run: Run) -> dict[str, str]:
    return {"Authorization": f"Bearer {run('token', 'issue', '--user', 'bob').out.strip()}"}


def test_start_ends_with_an_aligned_block_that_says_what_is_where(server: Server) -> None:
    last = server.words[server.words.index("") + 1 :]
    values = [re.match(r"  \S+( \S+)* {2,}", line) for line in last]
    assert len({match.end() for match in values if match}) == 1
    assert all(values)
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+", server.url)
    assert server.block["data"] == str(server.data)
    assert server.block["signing keys"] == str(server.data / "keys")
    assert httpx.get(server.block["ready when"]).status_code == 200


def test_block_says_how_to_issue_a_token(server: Server) -> None:
    command = server.block["issue a token"].replace("NAME", "bob")
    issued = subprocess.run(
        command, shell=True, env=server.environment, capture_output=True, text=True, check=True
    )
    headers = {"Authorization": f"Bearer {issued.stdout.strip()}"}
    assert httpx.post(f"{server.url}/chat", headers=headers, json={"prompt": "hi"}).status_code == 200


def test_first_start_prints_a_link_that_signs_in_and_later_ones_say_how_to_get_one(serve: Serve) -> None:
    server = serve(on_terminal=True)
    link, _, explanation = server.block["ops page"].partition(" ")
    address, _, secret = link.partition("#link=")
    assert (address, explanation.strip()) == (f"{server.url}/ops", "(once, within 30 minutes)")
    ours = {"X-Gateway-Ops": "1"}
    signed_in = httpx.post(f"{server.url}/ops/session", headers=ours, json={"link": secret})
    assert signed_in.json()["scopes"] == ["admin", "ops"]
    server.stop()
    again = serve(on_terminal=True)
    assert again.block["ops page"].startswith(f"{again.url}/ops ")
    assert again.block["ops page"].endswith(" signs you in)")
    session = httpx.get(f"{again.url}/ops/session", headers={"Cookie": signed_in.headers["set-cookie"]})
    assert session.json() == signed_in.json()


def test_no_link_is_made_where_a_log_may_keep_the_words_of_the_start(server: Server) -> None:
    assert "#link=" not in "\n".join(server.words)
    assert not (server.data / "ops-link").exists()
    command = re.search(r"`(.*)` signs you in", server.block["ops page"])
    assert command is not None
    printed = subprocess.run(
        command[1], shell=True, env=server.environment, capture_output=True, text=True, check=True
    )
    assert printed.stdout.startswith(f"{server.url}/ops#link=")


def test_wildcard_address_is_never_shown(serve: Serve) -> None:
    server = serve("--host", "0.0.0.0")
    assert "0.0.0.0" not in "\n".join(server.words)
    assert httpx.get(f"{server.url}/healthz").status_code == 200


def test_responses_have_a_date_and_do_not_name_the_server(server: Server) -> None:
    headers = httpx.get(f"{server.url}/healthz").headers
    assert "date" in headers
    assert "server" not in headers


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl (Debian package: curl)")
def test_demo_prints_three_requests_that_can_be_pasted(serve: Serve, tmp_path: Path) -> None:
    server = serve("--demo")
    lines = [line for line in server.words if line.startswith("curl ")]
    responses = [
        subprocess.run(
            f"{line} --silent --fail", shell=True, cwd=tmp_path, capture_output=True, text=True, check=False
        )
        for line in lines
    ]
    assert [response.returncode for response in responses] == [0, 0, 0], responses
    chat, photo, voice = (response.stdout for response in responses)
    assert "event: done" in chat
    assert json.loads(photo)["content"]
    assert json.loads(voice)["transcript"]


def test_sigterm_stores_the_last_usage_and_exits_with_0(serve: Serve, run: Run, tmp_path: Path) -> None:
    server = serve()
    response = httpx.post(f"{server.url}/chat", headers=token_for(run), json={"prompt": "hi"})
    assert response.status_code == 200
    assert server.stop() == 0
    assert count_usage(tmp_path / "data") == 1


def test_sigterm_lets_a_running_stream_finish(serve: Serve, run: Run, tmp_path: Path) -> None:
    server = serve(GATEWAY_SCRIPTED__STEP_SECONDS="0.1")
    body = {"prompt": "hi", "stream": True}
    with httpx.stream("POST", f"{server.url}/chat", headers=token_for(run), json=body) as response:
        lines = response.iter_lines()
        while next(lines) != "event: delta":
            pass
        server.process.send_signal(signal.SIGTERM)
        rest = list(lines)
    assert "event: done" in rest
    assert server.process.wait(SECONDS) == 0
    assert count_usage(tmp_path / "data") == 1


def test_requests_on_connections_made_before_sigterm_are_served(serve: Serve) -> None:
    server = serve()
    url = httpx.URL(server.url)
    address = (url.host, url.port)
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(socket.create_connection(address)) for _ in range(20)]
        half, *others = connections
        half.sendall(b"GET /healthz HTTP/1.1\r\n")
        server.process.send_signal(signal.SIGTERM)
        half.sendall(b"Host: a\r\nConnection: close\r\n\r\n")
        for connection in others:
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        for connection in connections:
            assert connection.recv(100).startswith(b"HTTP/1.1 200")
    assert server.process.wait(SECONDS) == 0


def test_calls_that_outlast_the_drain_end_with_an_error_and_not_with_a_cut(
    serve: Serve, run: Run, tmp_path: Path
) -> None:
    server = serve(GATEWAY_SCRIPTED__STEP_SECONDS="5", GATEWAY_DRAIN_SECONDS="1")
    headers, url = token_for(run), f"{server.url}/chat"
    with ThreadPoolExecutor(1) as executor:
        whole = executor.submit(httpx.post, url, headers=headers, json={"prompt": "hi"}, timeout=SECONDS)
        with httpx.stream("POST", url, headers=headers, json={"prompt": "hi", "stream": True}) as response:
            while not re.search(r"gateway_requests_running\{.*\} 2", httpx.get(f"{server.url}/metrics").text):
                pass
            server.process.send_signal(signal.SIGTERM)
            events = response.read().decode().split("\n\n")
        last = events[-2].split("\n")
        assert last[0] == "event: error"
        assert json.loads(last[2].removeprefix("data: "))["code"] == "shutting_down"
        refused = whole.result()
    assert (refused.status_code, refused.json()["code"]) == (503, "shutting_down")
    assert int(refused.headers["retry-after"]) >= 1
    assert server.process.wait(SECONDS) == 0
    assert count_usage(tmp_path / "data") == 2


@pytest.mark.servers
@pytest.mark.anyio
async def test_sigterm_ends_a_start_that_takes_long(serve: Serve, postgres_url: str) -> None:
    connection = await asyncpg.connect(postgres_url.replace("+asyncpg", ""))
    await connection.execute("SELECT pg_advisory_lock($1)", ADVISORY_LOCK_KEY)  # its migrations wait
    server = await asyncio.to_thread(serve, until="Starting", GATEWAY_DATABASE_URL=postgres_url)
    server.process.send_signal(signal.SIGTERM)
    out, err = await asyncio.to_thread(server.process.communicate, timeout=SECONDS)
    await connection.close()
    assert (server.process.returncode, out, err) == (0, "", "")


def test_gateway_without_a_model_of_its_own_loads_no_torch(server: Server) -> None:
    assert httpx.get(f"{server.url}/healthz").status_code == 200
    assert "torch" not in Path(f"/proc/{server.process.pid}/maps").read_text()


def test_issuing_a_token_loads_no_web_framework() -> None:
    program = "import sys, app.cli.token_work; sys.exit('fastapi' in sys.modules or 'uvicorn' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_garbage_is_collected_once_the_gateway_is_ready() -> None:
    program = (
        "import gc, sys; gc.disable(); from app.cli.server import spare_long_lived_objects as spare; spare();"
        "sys.exit(not gc.isenabled() or gc.get_freeze_count() < 100_000)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_port_in_use_is_reported_in_one_sentence(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        failed = run("serve", "--port", str(port))
    assert (failed.code, failed.out) == (1, "")
    assert re.fullmatch(rf"gateway: Port {port} on .* --port\.\n", failed.err)


@pytest.mark.parametrize(
    ("arguments", "settings", "code", "words"),
    [
        ((), {"GATEWAY_DATA_DIR": "file/data"}, 1, "GATEWAY_DATA_DIR"),
        ((), {"GATEWAY_AUTH__KEYS_DIR": "file/keys"}, 1, "signing keys"),
        ((), {"GATEWAY_DATABASE_URL": "postgresql://gateway:s3cret@127.0.0.1:1/x"}, 1, "127.0.0.1:1"),
        ((), {"GATEWAY_REQUEST_TIMEOUT_SECONDS": "s3cret"}, 2, "GATEWAY_REQUEST_TIMEOUT_SECONDS"),
        ((), {"GATEWAY_ENV": "production"}, 2, "GATEWAY_AUTH__KEYS_DIR"),
        (("--host", "nowhere.invalid"), {}, 1, "--host"),
        (("--host", "192.0.2.1"), {}, 1, "--host"),
        (
            ("--demo",),
            {"GATEWAY_ENV": "production", "GATEWAY_AUTH__KEYS_DIR": "keys", "GATEWAY_BACKEND": "in_process"},
            2,
            "--demo",
        ),
    ],
)
def test_reason_of_a_failed_start_is_one_sentence(
    run: Run, tmp_path: Path, arguments: tuple[str, ...], settings: dict[str, str], code: int, words: str
) -> None:
    (tmp_path / "file").touch()
    failed = run("serve", "--port", "0", *arguments, **settings)
    assert failed.code == code
    (sentence,) = failed.err.splitlines()
    assert words in sentence
    assert "s3cret" not in sentence
