"""Workers in processes of their own: what ends one, and what the pool makes of it."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import numpy as np
import psutil
import pytest

from inference.errors import BackendUnavailable, GenerationFailed, InvalidCheckpoint
from inference.pool import Pool
from inference.timeline import Timeline
from inference.types import Delta, Image, Message, Text
from inference.workers.process_worker import ProcessWorker
from inference.workers.worker import MakeEngine, Worker, WorkerListener

from .failing_loads import (
    fail_unexpectedly,
    fail_unpicklably,
    hang_while_loading,
    refuse_checkpoint,
    stop_iterating,
)
from .faulty_engine import make_faulty_engine

pytestmark = pytest.mark.anyio

LONG = "x" * 200
PATIENCE_SECONDS = 2.0


class Workers(list[ProcessWorker]):
    """Makes a pool's workers, and remembers them."""

    def __init__(self, make_engine: MakeEngine, **options: float) -> None:
        super().__init__()
        self._make_engine = make_engine
        self._options = options

    def __call__(self, name: str, device: str, listener: WorkerListener) -> Worker:
        self.append(ProcessWorker(name, device, self._make_engine, listener, **self._options))
        return self[-1]

    @property
    def living(self) -> list[int]:
        processes = (worker.process_id for worker in self)
        return [each for each in processes if each is not None and psutil.pid_exists(each)]


@pytest.fixture
def open_pool(tmp_path: Path):
    @asynccontextmanager
    async def open_it(
        devices: tuple[str, ...] = ("cpu",), step_seconds: float = 0.0, **options: float
    ) -> AsyncIterator[tuple[Pool, Workers]]:
        workers = Workers(partial(make_faulty_engine, tmp_path, step_seconds), **options)
        pool = Pool(devices, workers, 64, restart_pause_seconds=0.001, abort_seconds=0.05)
        await pool.start()
        try:
            yield pool, workers
        finally:
            await pool.aclose(0)
        assert workers.living == []

    return open_it


async def collect(pool: Pool, request) -> list[Delta]:
    return [delta async for delta in pool.generate(request)]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - a status has no event
            await asyncio.sleep(0.001)


def text_of(deltas: list[Delta]) -> str:
    return "".join(delta.text for delta in deltas)


async def test_a_process_serves_as_a_thread_does(open_pool, make_request, monkeypatch) -> None:
    monkeypatch.setenv("GATEWAY_REDIS_URL", "redis://:secret@host")
    monkeypatch.setenv("HF_TOKEN", "secret")
    async with open_pool() as (pool, workers):
        timeline = Timeline()
        response = await collect(pool, make_request("hello", timeline=timeline))
        assert text_of(response) == "hello"
        assert response[-1].finish_reason == "stop"
        assert response[-1].usage.completion_tokens == len("hello") + 1
        assert timeline.worker == "0"
        assert timeline.begun_at <= timeline.first_token_at <= timeline.last_token_at <= time.monotonic()
        assert timeline.decode_steps == len("hello")

        response = pool.generate(make_request(LONG, max_tokens=250))
        while not text_of([await anext(response)]):
            pass
        assert pool.status().workers[0].kv_used > 0
        await response.aclose()
        status = pool.status().workers[0]
        assert (status.running, status.waiting, status.kv_used, status.kv_total) == (0, 0, 0, 1024)

        pixels = np.arange(300_000, dtype=np.uint8).reshape(100, 1000, 3)
        with_picture = make_request(messages=(Message("user", (Image(pixels), Text("hello"))),))
        assert text_of(await collect(pool, with_picture)).endswith("hello")

        late = await collect(pool, make_request(LONG, max_tokens=250, deadline=time.monotonic()))
        assert late[-1].finish_reason == "deadline"

        process = psutil.Process(workers[0].process_id)
        assert "secret" not in str(process.environ())
        assert os.getsid(process.pid) == process.pid  # Ctrl-C in a terminal is for the gateway
        inherited = {connection.fd for connection in process.net_connections("all")}
        assert len(inherited) == 1


@pytest.mark.slow
async def test_requests_without_text_outlive_their_process(
    open_pool, make_request, caplog: pytest.LogCaptureFixture
) -> None:
    faults = ("SIGSEGV", "SIGKILL", "exit code 3", "exit code 1")
    async with open_pool() as (pool, workers):
        for deaths, fault in enumerate(faults, 1):
            texts = [fault, *(f"answer {number} after {fault}" for number in range(8))]
            responses = await asyncio.gather(*(collect(pool, make_request(text)) for text in texts))
            assert [text_of(response) for response in responses] == texts
            assert len(workers) == 1 + deaths
            assert pool.status().is_ready
    died = [record.getMessage() for record in caplog.records if "died" in record.getMessage()]
    assert len(died) == len(faults)
    assert all(fault in message for fault, message in zip(faults, died, strict=True))


@pytest.mark.slow
async def test_another_process_serves_on_and_requests_with_text_fail(open_pool, make_request) -> None:
    async with open_pool(("a", "b"), step_seconds=0.01) as (pool, workers):
        begun = [pool.generate(make_request(LONG, max_tokens=250, fairness_key=str(n))) for n in range(4)]
        for response in begun:
            while not text_of([await anext(response)]):
                pass
        victims = pool.status().workers[0].running
        os.kill(workers[0].process_id, signal.SIGKILL)
        ends = await asyncio.gather(*(collect_rest(response) for response in begun), return_exceptions=True)
        assert sum(isinstance(end, GenerationFailed) for end in ends) == victims > 0
        assert ends.count("stop") == 4 - victims > 0
        assert text_of(await collect(pool, make_request("still here"))) == "still here"
        await until(lambda: all(worker.healthy for worker in pool.status().workers))
        assert len(workers) == 3


async def collect_rest(response) -> str | None:
    return [delta async for delta in response][-1].finish_reason


@pytest.mark.slow
async def test_a_process_that_does_not_respond_is_replaced(
    open_pool, make_request, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_pool(patience_seconds=PATIENCE_SECONDS) as (pool, workers):
        for deaths, fault in enumerate(("hang", "SIGSTOP"), 1):
            assert text_of(await collect(pool, make_request(fault))) == fault
            assert len(workers) == 1 + deaths
            assert caplog.text.count("it did not respond for 2 s") == deaths


@pytest.mark.slow
async def test_a_process_that_responds_is_left_alone(open_pool, make_request) -> None:
    async with open_pool(patience_seconds=PATIENCE_SECONDS) as (pool, workers):
        end = time.monotonic() + 1.5 * PATIENCE_SECONDS
        while time.monotonic() < end:
            assert text_of(await collect(pool, make_request("hello"))) == "hello"
        assert len(workers) == 1


async def test_a_process_that_hangs_is_killed_at_the_stop(open_pool, make_request, tmp_path: Path) -> None:
    async with open_pool(stop_seconds=0.05) as (pool, workers):
        hanging = asyncio.create_task(collect(pool, make_request("hang")))
        await until((tmp_path / "hang").exists)
        await pool.aclose(0)
        assert workers.living == []
        assert (await hanging)[-1].finish_reason == "aborted"


@pytest.mark.parametrize(
    ("make_engine", "error", "message"),
    [
        (refuse_checkpoint, InvalidCheckpoint, "The model directory is empty."),
        (fail_unpicklably, BackendUnavailable, "NotPicklable while a worker was loaded"),
        (stop_iterating, BackendUnavailable, "StopIteration while a worker was loaded"),
        (lambda: None, Exception, "pickle"),
    ],
    ids=["refused", "with an error that cannot be sent", "with an error for no future", "not picklable"],
)
async def test_an_engine_that_cannot_be_made_ends_the_start(
    make_engine: MakeEngine, error: type[Exception], message: str, caplog: pytest.LogCaptureFixture
) -> None:
    workers = Workers(make_engine)
    pool = Pool(("cpu",), workers, max_waiting_requests=1)
    async with asyncio.timeout(60):
        with pytest.raises(error, match=message):
            await pool.start()
    assert workers.living == []
    logged = [record for record in caplog.records if record.name == "inference.faulty"]
    assert [record.getMessage() for record in logged] == (
        ["the directory is empty"] if make_engine is refuse_checkpoint else []
    )


async def test_an_error_that_nobody_expected_is_logged_with_its_frames(
    caplog: pytest.LogCaptureFixture,
) -> None:
    pool = Pool(("cpu",), Workers(fail_unexpectedly), max_waiting_requests=1)
    with pytest.raises(KeyError):
        await pool.start()
    (logged,) = [each for each in caplog.records if each.getMessage() == "a worker cannot be loaded"]
    (described,) = logged.exceptions
    assert described["type"] == "builtins.KeyError"
    assert "fail_unexpectedly" in described["frames"][-1]


@pytest.mark.slow
async def test_signals_for_the_gateway_end_no_process(open_pool, make_request) -> None:
    """Of a supervisor that sends them to every process of a service."""
    async with open_pool(step_seconds=0.01) as (pool, workers):
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            response = pool.generate(make_request(LONG, max_tokens=20))
            while not text_of([await anext(response)]):
                pass
            os.kill(workers[0].process_id, number)
            assert await collect_rest(response) == "length", number
            assert len(workers) == 1


async def test_a_cancelled_start_kills_the_process() -> None:
    workers = Workers(hang_while_loading)
    pool = Pool(("cpu",), workers, max_waiting_requests=1)
    start = asyncio.create_task(pool.start())
    await until(lambda: bool(workers.living))
    start.cancel()
    with pytest.raises(asyncio.CancelledError):
        await start
    assert workers.living == []


GATEWAY = """
import asyncio, sys
from functools import partial
from pathlib import Path
from inference.workers.process_worker import ProcessWorker
from tests.inference.workers.faulty_engine import make_faulty_engine

async def main():
    worker = ProcessWorker("0", "cpu", partial(make_faulty_engine, Path(sys.argv[1])), None)
    await worker.start()
    print(worker.process_id, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


def test_a_process_ends_with_the_gateway(tmp_path: Path) -> None:
    gateway = subprocess.Popen([sys.executable, "-c", GATEWAY, str(tmp_path)], stdout=subprocess.PIPE)
    with gateway:
        worker = psutil.Process(int(gateway.stdout.readline()))
        assert worker.parent().pid == gateway.pid
        gateway.kill()
    worker.wait(30)
