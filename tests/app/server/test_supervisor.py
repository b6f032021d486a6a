"""The supervisor, of small processes that do as they are told."""

import asyncio
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Sequence

import pytest

from app.server.supervisor import Supervisor, pause_seconds

pytestmark = pytest.mark.anyio

SERVES = """
import signal, socket, sys
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
link = socket.socket(fileno=int(sys.argv[3]))
link.sendall(b'{"kind": "serving"}\\n')
signal.sigwait({signal.SIGTERM})
"""
CRASHES = "raise SystemExit(3)"
SECONDS = 30


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        yield listener


def running(script: Callable[[int, int], str], starts: list[int]) -> Callable[[int, int, int], Sequence[str]]:
    """The command of a process, and a note of each start."""

    def command(number: int, start: int, link: int) -> Sequence[str]:
        starts.append(number)
        return [sys.executable, "-c", script(number, start), str(number), str(start), str(link)]

    return command


async def until_started(starts: list[int], count: int) -> None:
    async with asyncio.timeout(SECONDS):
        while len(starts) < count:  # noqa: ASYNC110 - the supervisor has no event for it
            await asyncio.sleep(0.01)


async def test_first_process_that_never_serves_ends_the_start(listener: socket.socket) -> None:
    starts: list[int] = []
    supervisor = Supervisor(3, running(lambda number, start: CRASHES, starts), listener)
    assert await supervisor.run() == 3
    assert starts == [1]


async def test_process_that_crashes_later_is_started_again(listener: socket.socket) -> None:
    starts: list[int] = []

    def script(number: int, start: int) -> str:
        return CRASHES if (number, start) == (2, 1) else SERVES

    supervisor = Supervisor(2, running(script, starts), listener)
    run = asyncio.create_task(supervisor.run())
    await until_started(starts, 3)
    supervisor.stop(signal.SIGTERM)
    assert await run == 0
    assert starts == [1, 2, 2]


async def test_signal_before_the_first_process_serves_ends_it(listener: socket.socket) -> None:
    starts: list[int] = []
    supervisor = Supervisor(2, running(lambda number, start: "import time; time.sleep(60)", starts), listener)
    run = asyncio.create_task(supervisor.run())
    await until_started(starts, 1)
    supervisor.stop(signal.SIGTERM)
    await run
    assert starts == [1]


def test_pauses_before_starts_grow_to_a_bound() -> None:
    assert [pause_seconds(failures) for failures in range(1, 9)] == [0, 1, 2, 4, 8, 16, 30, 30]
