"""Runs several processes of one gateway that accept connections at one socket, and starts dead ones again.

Does not know what a process does. The first one starts alone: it migrates the database and makes keys, and
its error ends the start.
"""

import asyncio
import contextlib
import logging
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from app.server.process_link import Message, MessageStream

COLLECT_SECONDS: Final = 1.0
STOPS: Final = (signal.SIGTERM, signal.SIGINT)
STEADY_SECONDS: Final = 10.0  # a process that served so long starts again at once
LONGEST_PAUSE_SECONDS: Final = 30.0

logger = logging.getLogger(__name__)

# The command of process `number`, at its `start`, which reaches the supervisor at a descriptor.
Command = Callable[[int, int, int], Sequence[str]]


@dataclass(slots=True)
class _Slot:
    """One of the processes, whichever runs in its place."""

    number: int
    starts: int = 0
    process: asyncio.subprocess.Process | None = None
    stream: MessageStream | None = None
    serving_since: float | None = None
    has_served: asyncio.Event = field(default_factory=asyncio.Event)
    failures: int = 0  # one after the other


class Supervisor:
    """Made by `gateway serve`; `run` returns when all processes have ended. Used on the event loop.

    Keeps `listener` open until `stop`: while no process lives, connections wait in its queue.
    """

    def __init__(
        self,
        count: int,
        command: Command,
        listener: socket.socket,
    ) -> None:
        self._slots = [_Slot(number) for number in range(1, count + 1)]
        self._first = self._slots[0]
        self._command = command
        self._listener = listener
        self._stopping = asyncio.Event()
        self._collecting: dict[int, asyncio.Future[str]] = {}
        self._collections = 0
        self._answering: set[asyncio.Task[None]] = set()

    async def run(self) -> int:
        """The exit code: of the first process if it never served; else 0 if all ended well after `stop`."""
        first = self._first
        runs = [asyncio.create_task(self._keep_running(first))]
        has_served = asyncio.create_task(first.has_served.wait())
        await asyncio.wait([*runs, has_served], return_when=asyncio.FIRST_COMPLETED)
        has_served.cancel()
        if first.has_served.is_set():
            runs += [asyncio.create_task(self._keep_running(slot)) for slot in self._slots[1:]]
        codes = await asyncio.gather(*runs)
        for task in self._answering:
            task.cancel()
        return next((code for code in codes if code), 0)

    def stop(self, number: signal.Signals) -> None:
        """Passes the signal to all processes; they finish what runs. May be called again."""
        self._stopping.set()
        self._listener.close()
        for slot in self._slots:
            if slot.process is not None:
                with contextlib.suppress(ProcessLookupError):
                    slot.process.send_signal(number)

    async def _keep_running(self, slot: _Slot) -> int:
        while True:
            code = await self._run_once(slot)
            if self._stopping.is_set() and slot.serving_since is None and -code in STOPS:
                return 0  # before it could take signals itself
            if self._stopping.is_set() or not self._first.has_served.is_set():
                return code
            pause = self._pause_after(slot)
            logger.error(
                "a process has ended and is started again",
                extra={"of_process": slot.number, "exit_code": code, "pause_seconds": pause},
            )
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause)
                return 0

    def _pause_after(self, slot: _Slot) -> float:
        if slot.serving_since is not None and time.monotonic() - slot.serving_since >= STEADY_SECONDS:
            slot.failures = 0
        slot.failures += 1
        return pause_seconds(slot.failures)

    async def _run_once(self, slot: _Slot) -> int:
        ours, theirs = socket.socketpair()
        slot.starts += 1
        slot.serving_since = None
        with theirs:
            try:
                slot.process = await asyncio.create_subprocess_exec(
                    *self._command(slot.number, slot.starts, theirs.fileno()),
                    stdin=subprocess.DEVNULL,
                    pass_fds=(self._listener.fileno(), theirs.fileno()),
                    start_new_session=True,  # signals of the terminal come through the supervisor alone
                )
            except OSError as error:  # no memory, no process left, no descriptor
                ours.close()
                logger.error("a process cannot be started", extra={"reason": os.strerror(error.errno or 0)})
                return 1
        if self._stopping.is_set():
            slot.process.terminate()
        slot.stream = await MessageStream.open(ours)
        try:
            await self._listen_to(slot, slot.stream)
            return await slot.process.wait()
        finally:
            slot.stream.close()
            slot.process, slot.stream = None, None

    async def _listen_to(self, slot: _Slot, stream: MessageStream) -> None:
        while (message := await stream.receive()) is not None:
            match message["kind"]:
                case "serving":
                    slot.serving_since = time.monotonic()
                    slot.has_served.set()
                    logger.info("a process serves", extra={"of_process": slot.number, "starts": slot.starts})
                case "collect_all":
                    task = asyncio.create_task(self._collect_all(stream, message))
                    self._answering.add(task)
                    task.add_done_callback(self._answering.discard)
                case "collected":
                    future = self._collecting.get(message["request"])
                    if future is not None and not future.done():
                        future.set_result(message["metrics"])

    async def _collect_all(self, stream: MessageStream, request: Message) -> None:
        """Leaves out processes that do not respond in time."""
        streams = {slot.number: slot.stream for slot in self._slots if slot.stream and slot.serving_since}
        futures: dict[int, tuple[int, asyncio.Future[str]]] = {}
        for number, each in streams.items():
            self._collections += 1
            future = asyncio.get_running_loop().create_future()
            self._collecting[self._collections] = future
            futures[number] = (self._collections, future)
            each.send({"kind": "collect", "request": self._collections})
        await asyncio.wait([future for _, future in futures.values()], timeout=COLLECT_SECONDS)
        metrics = {str(number): future.result() for number, (_, future) in futures.items() if future.done()}
        for collection, _ in futures.values():
            del self._collecting[collection]
        starts = {str(slot.number): slot.starts for slot in self._slots}
        stream.send(
            {
                "kind": "all_collected",
                "request": request["request"],
                "metrics": metrics,
                "starts": starts,
            }
        )


def pause_seconds(failures: int) -> float:
    """None after the first; twice as long each time that a process does not stay."""
    return 0.0 if failures == 1 else min(2.0 ** (failures - 2), LONGEST_PAUSE_SECONDS)
