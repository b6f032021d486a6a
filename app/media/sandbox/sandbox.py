"""Decodes a file in a process of its own, within bounds on memory, CPU and wall-clock time.

Processes are made ahead by a fork server, serve one file each and end: whatever a file does to its
process, the next file gets a fresh one.
"""

import asyncio
import logging
import socket
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Literal

from app.errors import GatewayError, InvalidAudio, InvalidImage, ServiceUnavailable
from app.media.sandbox.confinement import Limits, Posture
from app.media.sandbox.messages import REFUSALS, SIZE, Ended, Job, Kind, Reply, Status
from app.media.sandbox.processes import DecodingProcess, ForkServer

_FIRST_BACKOFF_SECONDS: Final = 0.1
_LONGEST_BACKOFF_SECONDS: Final = 10.0
_START_SECONDS: Final = 60.0
_NO_PROCESS: Final = "media cannot be decoded: no child process could be started"

Outcome = Literal["decoded", "refused", "died", "timed_out", "abandoned"]
FitSize = Callable[[int, int], Awaitable[tuple[int, int]]]

logger = logging.getLogger(__name__)


class SandboxUnavailable(Exception):
    """No decoding process could be made."""


@dataclass(slots=True, eq=False)
class _Task:
    """One file's time in its process: how it came out and how the process ended, whichever is known first."""

    kind: Kind
    outcome: Outcome | None = None
    ended: Ended | None = None


@dataclass(frozen=True, slots=True)
class JobUsage:
    """What one file took. `abandoned`: its client left, or its deadline passed."""

    kind: Kind
    outcome: Outcome
    peak_bytes: int
    cpu_seconds: float


class Sandbox:
    """Started and closed by `MediaDecoder`; used on the event loop's thread alone."""

    def __init__(
        self,
        limits: Limits,
        processes: int,
        wall_seconds: float,
        on_job: Callable[[JobUsage], None] = lambda usage: None,
    ) -> None:
        self._limits = limits
        self._count = processes
        self._wall_seconds = wall_seconds
        self._on_job = on_job
        self._server = self._new_server()
        self._idle: asyncio.Queue[DecodingProcess] = asyncio.Queue()
        self._alive: dict[int, DecodingProcess] = {}
        self._tasks: dict[int, _Task] = {}  # by process
        self._posture: Posture | None = None
        self._backoff_seconds = 0.0
        self._repair: asyncio.Task[None] | None = None
        self._is_closing = False

    @property
    def posture(self) -> Posture | None:
        """What holds around decoding processes; None while there are none."""
        return self._posture if self._alive else None

    async def start(self) -> None:
        """Starts the fork server, which imports the decoders by itself. Raises `SandboxUnavailable`."""
        try:
            await self._launch()
        except OSError as error:
            raise SandboxUnavailable(_NO_PROCESS) from error

    async def wait_until_ready(self) -> None:
        """Raises `SandboxUnavailable`."""
        try:
            async with asyncio.timeout(_START_SECONDS):
                process = await self._first_process()
                self._posture = await _read_posture(process)
        except (TimeoutError, _ProcessDied) as error:
            await self.aclose()
            raise SandboxUnavailable(_NO_PROCESS) from error
        self._discard(process)
        logger.info("media sandbox is ready", extra={"posture": self._posture})

    async def aclose(self) -> None:
        """Kills what still runs."""
        self._is_closing = True
        if self._repair is not None:
            self._repair.cancel()
            await asyncio.wait([self._repair])
        for process in self._alive.values():
            process.close()
        self._alive.clear()
        await self._server.aclose()

    async def run(self, job: Job, file: int, result: int, fit_size: FitSize) -> Reply:
        """Returns the reply DONE. `file` and `result` are descriptors; `result` then holds what was decoded.

        Cancelling it kills the process. Raises what the file is refused with, `InvalidImage` and
        `InvalidAudio` also for a file that kills its process or takes too long, and `ServiceUnavailable`.
        """
        process = await self._begin(job, file, result)
        task = self._tasks[process.pid] = _Task(job.kind)
        outcome: Outcome = "abandoned"
        try:
            async with asyncio.timeout(self._wall_seconds):
                reply = await _converse(process, job, fit_size)
            outcome = "decoded" if reply.status == Status.DONE else "refused"
        except TimeoutError:
            outcome = "timed_out"
            raise _undecodable(job.kind) from None
        except (_ProcessDied, ValueError, struct.error):
            outcome = "died"
            raise _undecodable(job.kind) from None
        finally:
            task.outcome = outcome
            self._discard(process)
            self._report(task)
        if reply.status == Status.DONE:
            return reply
        raise _refusal(reply, job.kind)

    async def _first_process(self) -> DecodingProcess:
        """Raises `_ProcessDied` when the fork server does not live to make one."""
        first = asyncio.create_task(self._idle.get())
        gone = asyncio.create_task(self._server.gone.wait())
        try:
            await asyncio.wait((first, gone), return_when=asyncio.FIRST_COMPLETED)
            if not first.done():
                raise _ProcessDied
            return first.result()
        finally:
            first.cancel()
            gone.cancel()

    async def _begin(self, job: Job, file: int, result: int) -> DecodingProcess:
        """A process that has the job; those that died while they were idle are passed over.

        Raises `ServiceUnavailable`.
        """
        try:
            async with asyncio.timeout(self._wall_seconds):
                while True:
                    process = await self._idle.get()
                    try:
                        self._posture = await _read_posture(process)
                        await _hand_over(process, job, file, result)
                    except _ProcessDied:
                        self._discard(process)
                    except BaseException:
                        self._discard(process)
                        raise
                    else:
                        self._backoff_seconds = 0.0
                        return process
        except TimeoutError:
            raise ServiceUnavailable("Media cannot be decoded at the moment. Try again shortly.") from None

    def _new_server(self) -> ForkServer:
        return ForkServer(self._limits, self._on_forked, self._on_ended, self._on_gone)

    async def _launch(self) -> None:
        await self._server.start()
        for _ in range(self._count):
            self._server.order()

    def _discard(self, process: DecodingProcess) -> None:
        """Its place is filled when the fork server says that it has ended."""
        process.close()

    def _on_forked(self, process: DecodingProcess) -> None:
        self._alive[process.pid] = process
        self._idle.put_nowait(process)

    def _on_ended(self, ended: Ended) -> None:
        process = self._alive.pop(ended.pid, None)
        if process is not None:
            process.has_ended = True
        task = self._tasks.pop(ended.pid, None)
        if task is not None:
            task.ended = ended
            self._report(task)
        if self._is_closing:
            return
        if ended.pid == 0:  # processes cannot be made at the moment
            asyncio.get_running_loop().call_later(self._next_backoff(), self._server.order)
        else:
            self._server.order()

    def _report(self, task: _Task) -> None:
        """Once both halves of it are known."""
        outcome, ended = task.outcome, task.ended
        if outcome is None or ended is None:
            return
        if outcome in ("died", "timed_out"):
            logger.warning(
                "a decoding process was lost to its file",
                extra={
                    "kind": task.kind.name.lower(),
                    "outcome": outcome,
                    "signal": ended.signal,
                    "cpu_seconds": round(ended.cpu_seconds, 3),
                    "peak_mib": ended.peak_bytes >> 20,
                },
            )
        self._on_job(JobUsage(task.kind, outcome, ended.peak_bytes, ended.cpu_seconds))

    def _on_gone(self) -> None:
        """The fork server died, and its children with it."""
        for process in self._alive.values():
            process.has_ended = True
        self._alive.clear()
        self._tasks.clear()
        while not self._idle.empty():
            self._idle.get_nowait().close()
        if self._posture is not None and not self._is_closing:
            logger.error("the media fork server ended; it is started again")
            self._repair_later()

    def _repair_later(self) -> None:
        if self._repair is None or self._repair.done():
            self._repair = asyncio.create_task(self._start_again(), name="media-sandbox")

    def _next_backoff(self) -> float:
        """None at first, then doubled each time until a file was decoded again."""
        seconds = self._backoff_seconds
        self._backoff_seconds = min(max(2 * seconds, _FIRST_BACKOFF_SECONDS), _LONGEST_BACKOFF_SECONDS)
        return seconds

    async def _start_again(self) -> None:
        while True:
            await asyncio.sleep(self._next_backoff())
            await self._server.aclose()
            self._server = self._new_server()
            try:
                await self._launch()
            except OSError:
                logger.exception("the media fork server could not be started")
            else:
                return


class _ProcessDied(Exception):
    pass


async def _hand_over(process: DecodingProcess, job: Job, file: int, result: int) -> None:
    try:
        socket.send_fds(process.gateway, [job.pack()], [file, result])
        await _read_reply(process)  # BEGUN
    except OSError as error:
        raise _ProcessDied from error


async def _converse(process: DecodingProcess, job: Job, fit_size: FitSize) -> Reply:
    try:
        reply = await _read_reply(process)
        if reply.status == Status.ASK_SIZE:
            if not 0 < reply.first * reply.second <= job.bound:
                raise _ProcessDied
            size = await fit_size(reply.first, reply.second)
            await asyncio.get_running_loop().sock_sendall(process.gateway, SIZE.pack(*size))
            reply = await _read_reply(process)
    except OSError as error:
        raise _ProcessDied from error
    if reply.status not in (Status.DONE, Status.REFUSED):
        raise _ProcessDied
    return reply


async def _read_reply(process: DecodingProcess) -> Reply:
    data = b""
    while len(data) < Reply.FORMAT.size:
        chunk = await asyncio.get_running_loop().sock_recv(process.gateway, Reply.FORMAT.size - len(data))
        if not chunk:
            raise _ProcessDied
        data += chunk
    return Reply.unpack(data)


async def _read_posture(process: DecodingProcess) -> Posture:
    try:
        reply = await _read_reply(process)
    except OSError as error:
        raise _ProcessDied from error
    return Posture.from_bits(reply.first)


def _undecodable(kind: Kind) -> GatewayError:
    return InvalidImage() if kind == Kind.IMAGE else InvalidAudio()


def _refusal(reply: Reply, kind: Kind) -> GatewayError:
    if reply.first >= len(REFUSALS):
        return _undecodable(kind)
    error, detail = REFUSALS[reply.first]
    return error(detail)
