"""`gateway serve --processes 2`: one port, one set of limits, one log, one page of metrics; and its stop."""

import asyncio
import contextlib
import json
import os
import re
import signal
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from benchmarks.faults.gateway import GatewayProcess
from testbed.servers import RedisServer, server_directory
from tests.app.cli.conftest import Run

pytestmark = [pytest.mark.anyio, pytest.mark.servers, pytest.mark.slow]

SHORT = {"prompt": "hi", "max_tokens": 2}
CONNECTIONS = 16
SECONDS = 60.0


@pytest.fixture(scope="module")
def _gateway(_redis_session_server: RedisServer) -> Iterator[GatewayProcess]:
    _redis_session_server.start()
    with server_directory() as directory:
        settings = {"GATEWAY_PROCESSES": "2", "GATEWAY_REDIS_URL": _redis_session_server.url}
        gateway = GatewayProcess(directory, settings)
        yield gateway
        asyncio.run(gateway.aclose())


@pytest.fixture
async def gateway(_gateway: GatewayProcess) -> GatewayProcess:
    """Of two processes, which share Redis and a database of SQLite. A test may end it."""
    if not _gateway.process_id:
        await _gateway.start()
        await until_both_serve(_gateway)
    return _gateway


async def until_both_serve(gateway: GatewayProcess) -> None:
    async with asyncio.timeout(SECONDS):
        while len(await metrics(gateway, "gateway_build_info")) < 2:  # noqa: ASYNC110 - in other processes
            await asyncio.sleep(0.05)


async def metrics(gateway: GatewayProcess, name: str) -> dict[str, float]:
    """The sum of a metric's series, by process."""
    async with httpx.AsyncClient(base_url=gateway.base_url) as client:
        text = (await client.get("/metrics")).text
    sums: dict[str, float] = {}
    for labels, value in re.findall(rf"^{name}\{{(.*)\}} (\S+)$", text, re.MULTILINE):
        process = re.search(r'process="(\d)"', labels)
        assert process is not None
        sums[process[1]] = sums.get(process[1], 0.0) + float(value)
    return sums


@contextlib.asynccontextmanager
async def connections(
    gateway: GatewayProcess, header: dict[str, str]
) -> AsyncIterator[list[httpx.AsyncClient]]:
    """Kept open, so that both processes have some."""
    async with contextlib.AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(
                httpx.AsyncClient(base_url=gateway.base_url, headers=header, timeout=SECONDS)
            )
            for _ in range(CONNECTIONS)
        ]
        await asyncio.gather(*(client.get("/healthz") for client in clients))
        yield clients


async def statuses(clients: list[httpx.AsyncClient]) -> Counter[int]:
    responses = await asyncio.gather(*(client.post("/chat", json=SHORT) for client in clients))
    return Counter(response.status_code for response in responses)


async def limits(clients: list[httpx.AsyncClient]) -> set[int]:
    responses = await asyncio.gather(*(client.get("/limits") for client in clients))
    return {response.json()["requests_per_minute"] for response in responses}


async def issue(gateway: GatewayProcess, name: str) -> tuple[str, dict[str, str]]:
    user_id, token = await gateway.issue(name)
    return user_id, {"Authorization": f"Bearer {token}"}


def process_ids(gateway: GatewayProcess) -> list[int]:
    """Of the processes that serve; decoders of media are their children."""
    return [child.pid for child in psutil.Process(gateway.process_id).children()]


async def test_both_processes_serve_and_metrics_show_both(gateway: GatewayProcess) -> None:
    """Whichever process wakes first takes all connections that wait: there are as many rounds as it takes."""
    before = await metrics(gateway, "gateway_generations_total")
    _, header = await issue(gateway, "both")
    served = dict.fromkeys("12", 0.0)
    rounds = 0
    async with asyncio.timeout(SECONDS):
        while min(served.values()) < CONNECTIONS / 8:
            rounds += 1
            async with connections(gateway, header) as clients:
                assert await statuses(clients) == {200: CONNECTIONS}
            after = await metrics(gateway, "gateway_generations_total")
            served = {process: after.get(process, 0) - before.get(process, 0) for process in "12"}
    assert sum(served.values()) == rounds * CONNECTIONS


async def test_limits_count_requests_of_both_processes(gateway: GatewayProcess) -> None:
    user_id, header = await issue(gateway, "limited")
    await gateway.patch(f"/admin/users/{user_id}", {"requests_per_minute": 5})
    async with connections(gateway, header) as clients:
        async with asyncio.timeout(SECONDS):
            while await limits(clients) != {5}:  # noqa: ASYNC110 - in other processes
                await asyncio.sleep(0.05)
        assert await statuses(clients) == {200: 5, 429: CONNECTIONS - 5}


async def test_revoked_token_is_refused_by_both_processes(gateway: GatewayProcess) -> None:
    user_id, header = await issue(gateway, "revoked")
    async with connections(gateway, header) as clients:
        assert await statuses(clients) == {200: CONNECTIONS}
        await gateway.post("/admin/revocations", {"user_id": user_id})
        async with asyncio.timeout(SECONDS):
            while await statuses(clients) != {401: CONNECTIONS}:  # noqa: ASYNC110 - in other processes
                await asyncio.sleep(0.05)


async def test_page_of_operators_shows_both_processes(gateway: GatewayProcess) -> None:
    token = await gateway.run("token", "issue", "--user", "viewer", "--scope", "ops")
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        httpx.AsyncClient(base_url=gateway.base_url, headers=headers) as client,
        asyncio.timeout(SECONDS),
    ):
        names: list[str] = []
        while len(names) < 2:
            shown = (await client.get("/ops/data")).json()["gateways"]
            names = sorted(each["name"].rpartition(":")[2] for each in shown if each["state"] == "ready")
            await asyncio.sleep(0.05)
    assert names == [f"{gateway.port}/1", f"{gateway.port}/2"]


async def test_log_is_one_and_says_which_process_wrote_a_line(gateway: GatewayProcess) -> None:
    _, header = await issue(gateway, "logged")
    async with connections(gateway, header) as clients:
        await statuses(clients)
    lines = [json.loads(line) for line in gateway.log.splitlines() if line.startswith("{")]
    requests = [line for line in lines if line["message"] == "request" and line["route"] == "/chat"]
    assert {line["process"] for line in requests} == {1, 2}


async def test_killed_process_is_started_again_and_the_other_serves_meanwhile(
    gateway: GatewayProcess,
) -> None:
    _, header = await issue(gateway, "patient")
    starts = await metrics(gateway, "gateway_process_starts_total")
    killed = process_ids(gateway)[0]
    os.kill(killed, signal.SIGKILL)
    async with connections(gateway, header) as clients:
        assert await statuses(clients) == {200: CONNECTIONS}
    await until_both_serve(gateway)
    again = await metrics(gateway, "gateway_process_starts_total")
    assert sum(again.values()) == sum(starts.values()) + 1
    assert killed not in process_ids(gateway)


async def test_metrics_of_a_process_that_does_not_respond_are_left_out(gateway: GatewayProcess) -> None:
    process_id = process_ids(gateway)[0]
    os.kill(process_id, signal.SIGSTOP)
    try:
        assert len(await metrics(gateway, "gateway_build_info")) == 1
    finally:
        os.kill(process_id, signal.SIGCONT)


async def test_sigterm_lets_streams_of_both_processes_finish(gateway: GatewayProcess) -> None:
    _, header = await issue(gateway, "streaming")
    ids = process_ids(gateway)
    body = {"prompt": "hi", "max_tokens": 40, "stream": True}

    async def read(client: httpx.AsyncClient, has_begun: asyncio.Semaphore) -> str:
        async with client.stream("POST", "/chat", json=body) as response:
            lines = response.aiter_lines()
            while await anext(lines) != "event: delta":
                pass
            has_begun.release()
            return "\n".join([line async for line in lines])

    has_begun = asyncio.Semaphore(0)
    async with connections(gateway, header) as clients, asyncio.TaskGroup() as group:
        reading = [group.create_task(read(client, has_begun)) for client in clients]
        for _ in reading:
            await has_begun.acquire()
        gateway.send_signal(signal.SIGTERM)
    assert all("event: done" in task.result() for task in reading)
    assert await gateway.wait() == 0
    assert not any(map(psutil.pid_exists, ids))


async def test_processes_end_with_their_supervisor(gateway: GatewayProcess) -> None:
    processes = [psutil.Process(each) for each in process_ids(gateway)]
    gateway.send_signal(signal.SIGKILL)
    await gateway.wait()
    async with asyncio.timeout(SECONDS):
        while not all(map(has_ended, processes)):  # noqa: ASYNC110 - other processes
            await asyncio.sleep(0.05)


def has_ended(process: psutil.Process) -> bool:
    """Without its parent, an ended process is a zombie until init collects it, which some never do."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


async def test_error_of_the_start_is_one_sentence(redis_url: str, tmp_path: Path) -> None:
    database = "postgresql://gateway:secret@127.0.0.1:1/none"
    settings = {"GATEWAY_PROCESSES": "2", "GATEWAY_REDIS_URL": redis_url}
    gateway = GatewayProcess(tmp_path, settings | {"GATEWAY_DATABASE_URL": database})
    gateway.launch()
    assert await gateway.wait() == 1
    sentences = [line for line in gateway.log.splitlines() if line.startswith("gateway: ")]
    assert len(sentences) == 1
    assert "cannot be used" in sentences[0]


def test_processes_without_redis_are_refused(run: Run) -> None:
    result = run("serve", "--processes", "2")
    assert result.code == 2
    assert "GATEWAY_PROCESSES=2 needs GATEWAY_REDIS_URL" in result.err


def test_processes_that_would_each_load_the_model_are_refused(run: Run) -> None:
    result = run("serve", "--processes", "2", GATEWAY_BACKEND="in_process", GATEWAY_REDIS_URL="redis://a:1")
    assert result.code == 2
    assert "GATEWAY_PROCESSES=2 needs GATEWAY_BACKEND=remote" in result.err
