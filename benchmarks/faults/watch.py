"""Watches a gateway: when it last responded to `/healthz`, the state in `/readyz`, and its memory.

The heartbeat is a process of its own, so that it does not wait for the load.
"""

import asyncio
import contextlib
import itertools
import multiprocessing
import socket
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Final

import httpx
import psutil

BATCH_SECONDS: Final = 0.2
SAMPLE_SECONDS: Final = 0.2
MIB: Final = 2**20
NO_RESPONSE: Final = "no response"


@dataclass(frozen=True, slots=True)
class Memory:
    """In MiB, at a time of the monotonic clock. Of the children the share that is theirs (PSS)."""

    at: float
    gateway: float
    children: float


class Watch:
    """Started and closed by `measurement`. Times are of the monotonic clock, which all processes share.

    The next request to `/healthz` follows `beat_seconds` after a response.
    """

    def __init__(self, port: int, process_id: Callable[[], int], beat_seconds: float) -> None:
        self.beats: list[float] = []
        self.memory: list[Memory] = []
        self.readiness: list[tuple[float, str]] = []  # which parts were not ready, in order
        self._port = port
        self._process_id = process_id
        self._beat_seconds = beat_seconds

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        context = multiprocessing.get_context("spawn")
        receiver, sender = context.Pipe(duplex=False)
        heart = context.Process(target=beat, args=(self._port, self._beat_seconds, sender), daemon=True)
        heart.start()
        tasks = [asyncio.create_task(work) for work in (self._receive(receiver), self._weigh(), self._ask())]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            heart.terminate()
            heart.join()

    async def _receive(self, receiver: Connection) -> None:
        while True:
            while receiver.poll():
                self.beats += receiver.recv()
            await asyncio.sleep(BATCH_SECONDS / 2)

    async def _weigh(self) -> None:
        while True:
            number = self._process_id()
            if number:
                with contextlib.suppress(psutil.Error):
                    self.memory.append(await asyncio.to_thread(weigh, number))
            await asyncio.sleep(SAMPLE_SECONDS)

    async def _ask(self) -> None:
        async with httpx.AsyncClient(verify=False, timeout=5) as client:
            while True:
                state = NO_RESPONSE
                with contextlib.suppress(httpx.TransportError, ValueError):
                    response = await client.get(f"http://127.0.0.1:{self._port}/readyz")
                    parts: dict[str, str] = response.json()["components"]
                    state = ", ".join(f"{part} {word}" for part, word in parts.items() if word != "ready")
                self.readiness.append((time.monotonic(), state))
                await asyncio.sleep(SAMPLE_SECONDS)

    def longest_stall(self, since: float, until: float) -> float:
        """Seconds between two responses of `/healthz`, of those of which some lies within; 0 without any."""
        beats = [since, *(beat for beat in self.beats if since <= beat <= until), until]
        return max((after - before for before, after in itertools.pairwise(beats)), default=0.0)

    def unready_parts(self, since: float, until: float) -> str:
        """What `/readyz` said meanwhile that was not ready."""
        states = (state for at, state in self.readiness if since <= at <= until)
        return ", ".join(dict.fromkeys(part for state in states for part in state.split(", ") if part))

    def memory_between(self, since: float, until: float) -> list[Memory]:
        return [sample for sample in self.memory if since <= sample.at <= until]


def weigh(process_id: int) -> Memory:
    """Raises `psutil.Error` when it has ended."""
    gateway = psutil.Process(process_id)
    children = 0.0
    for child in gateway.children(recursive=True):
        with contextlib.suppress(psutil.Error):
            children += child.memory_full_info().pss
    return Memory(time.monotonic(), gateway.memory_info().rss / MIB, children / MIB)


def beat(port: int, seconds: float, sender: Connection) -> None:
    """Sends the times of responses of `/healthz`, in batches, until it is ended."""
    question = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    beats: list[float] = []
    sent_at = time.monotonic()
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 5) as connection:
            connection.settimeout(60)
            while True:
                connection.sendall(question)
                if not connection.recv(4096).startswith(b"HTTP/1.1 200"):
                    break
                beats.append(time.monotonic())
                if beats[-1] - sent_at > BATCH_SECONDS:
                    sender.send(beats)
                    beats, sent_at = [], time.monotonic()
                time.sleep(seconds)
        time.sleep(seconds)
