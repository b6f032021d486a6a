"""Decodes a file in a process of its own, within bounds on memory, CPU and wall-clock time.

Processes are made ahead by a fork server, serve one file each and end: whatever a file does to its
process, the next file gets a fresh one.
"""

import asyncio
import logging
import os
import signal
import socket
import struct
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Literal

from app.errors import GatewayError, InvalidAudio, InvalidImage, ServiceUnavailable
from app.media.sandbox.confinement import Limits, Posture
from app.media.sandbox.messages import REFUSALS, SIZE, Ended, Job, Kind, Reply, Status
from app.media.sandbox.processes import DecodingProcess, ForkServer, Launch, launch_fork_server

_FIRST_BACKOFF_SECONDS: Final = 0.1
_LONGEST_BACKOFF_SECONDS: Final = 10.0
_START_SECONDS: Final = 60.0
_END_SECONDS: Final = 5.0  # until the fork server says how a process ended
_ATTEMPTS: Final = 2
_NOT_NOW: Final = "Media cannot be decoded now. Try again shortly."
_NO_PROCESS: Final = "media cannot be decoded: no child process could be started"

Outcome = Literal["decoded", "refused", "died", "timed_out", "abandoned"]
FitSize = Callable[[int, int], Awaitable[tuple[int, int]]]

logger = logging.getLogger(__name__)


class SandboxUnavailable(Exception):
    """No decoding process could be made."""


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
        launch: Launch = launch_fork_server,
    ) -> None:
        self._limits = limits
        self._launch = launch
        self._count = processes
        self._wall_seconds = wall_seconds
        self._on_job = on_job
        self._server = self._new_server()
        self._alive: dict[int, DecodingProcess] = {}
        self._idle: deque[DecodingProcess] = deque()
        self._has_idle = asyncio.Event()
        self._posture: Posture | None = None
        self._can_fork = False  # whether the fork server has made a process
        self._backoff_seconds = 0.0
        self._refill: asyncio.TimerHandle | None = None
        self._repair: asyncio.Task[None] | None = None
        self._is_closing = False

    @property
    def posture(self) -> Posture | None:
        """What holds around decoding processes; None while there are none, and none is about to be."""
        is_replaced = self._can_fork and self._server.ordered > 0
        return self._posture if self._alive or is_replaced else None

    async def start(self) -> None:
        """Starts the fork server, which imports the decoders by itself. Raises `SandboxUnavailable`."""
        try:
            await self._server.start()
        except OSError as error:
            raise SandboxUnavailable(_NO_PROCESS) from error
        self._fill()

    async def wait_until_ready(self) -> None:
        """Raises `SandboxUnavailable`."""
        try:
            async with asyncio.timeout(_START_SECONDS):
                process = await self._first_process()
                await self._await_confinement(process)
        except (TimeoutError, _ProcessDied) as error:
            await self.aclose()
            raise SandboxUnavailable(_NO_PROCESS) from error
        self._idle.appendleft(process)
        self._has_idle.set()
        logger.info("media sandbox is ready", extra={"posture": self._posture})

    async def aclose(self) -> None:
        """Kills what still runs."""
        self._is_closing = True
        if self._refill is not None:
            self._refill.cancel()
        if self._repair is not None:
            self._repair.cancel()
            await asyncio.wait([self._repair])
        self._end_all()
        await self._server.aclose()

    async def run(self, job: Job, file: int, result: int, fit_size: FitSize) -> Reply:
        """Returns the reply DONE. `file` and `result` are descriptors; `result` then holds what was decoded.

        Cancelling it kills the process. A process that ends by no fault of its file is replaced, once.

        Raises what the file is refused with, `InvalidImage` and `InvalidAudio` also for a file that kills its
        process or takes too long, and `ServiceUnavailable`.
        """
        for _ in range(_ATTEMPTS):
            if self._is_closing:
                break
            os.ftruncate(result, 0)
            os.lseek(result, 0, os.SEEK_SET)
            reply = await self._try(job, file, result, fit_size)
            if reply is None:
                continue
            if reply.status == Status.DONE:
                return reply
            raise _refusal(reply, job.kind)
        raise ServiceUnavailable(_NOT_NOW)

    async def _try(self, job: Job, file: int, result: int, fit_size: FitSize) -> Reply | None:
        """Returns None when the process ended by no fault of its file."""
        process = await self._begin(job, file, result)
        outcome: Outcome = "abandoned"
        try:
            async with asyncio.timeout(self._wall_seconds):
                reply = await _converse(process, job, fit_size)
            outcome = "decoded" if reply.status == Status.DONE else "refused"
        except TimeoutError:
            outcome = "timed_out"
            raise _undecodable(job.kind) from None
        except _ProcessDied:
            if await self._was_killed_by_others(process):
                return None
            outcome = "died"
            raise _undecodable(job.kind) from None
        except (ValueError, struct.error):  # not a valid reply
            outcome = "died"
            raise _undecodable(job.kind) from None
        finally:
            process.close()
            process.end.add_done_callback(lambda end: self._report(job.kind, outcome, end.result()))
        return reply

    async def _was_killed_by_others(self, process: DecodingProcess) -> bool:
        """Whether the fork server died, or the system killed the process below its limits."""
        await asyncio.wait([process.end], timeout=_END_SECONDS)
        ended = process.end.result() if process.end.done() else None
        if ended is None:
            return True
        return ended.signal == signal.SIGKILL and ended.cpu_seconds < self._limits.cpu_seconds

    async def _first_process(self) -> DecodingProcess:
        """Raises `_ProcessDied` when the fork server does not live to make one."""
        first = asyncio.create_task(self._next_idle())
        gone = asyncio.create_task(self._server.gone.wait())
        try:
            await asyncio.wait((first, gone), return_when=asyncio.FIRST_COMPLETED)
            if not first.done():
                raise _ProcessDied
            return first.result()
        finally:
            first.cancel()
            gone.cancel()

    async def _next_idle(self) -> DecodingProcess:
        while not self._idle:
            self._has_idle.clear()
            await self._has_idle.wait()
        return self._idle.popleft()

    async def _begin(self, job: Job, file: int, result: int) -> DecodingProcess:
        """A process that has the job; those that died while they were idle are passed over.

        Raises `ServiceUnavailable`.
        """
        try:
            async with asyncio.timeout(self._wall_seconds):
                while True:
                    process = await self._next_idle()
                    try:
                        await self._await_confinement(process)
                        await _hand_over(process, job, file, result)
                    except _ProcessDied:
                        process.close()
                    except BaseException:
                        process.close()
                        raise
                    else:
                        self._backoff_seconds = 0.0
                        return process
        except TimeoutError:
            raise ServiceUnavailable(_NOT_NOW) from None

    async def _await_confinement(self, process: DecodingProcess) -> None:
        """Raises `_ProcessDied`."""
        if process.posture is None:
            process.posture = await _read_posture(process)
        self._posture = process.posture

    def _new_server(self) -> ForkServer:
        return ForkServer(self._limits, self._on_forked, self._on_ended, self._on_gone, self._launch)

    def _fill(self) -> None:
        """Orders the processes that are missing; tries again later where that is not possible now."""
        self._refill = None
        while len(self._alive) + self._server.ordered < self._count:
            if not self._server.order():
                self._fill_later()
                return

    def _fill_later(self) -> None:
        if self._refill is None and not self._is_closing:
            self._refill = asyncio.get_running_loop().call_later(self._next_backoff(), self._fill)

    def _on_forked(self, process: DecodingProcess) -> None:
        self._can_fork = True
        self._alive[process.pid] = process
        self._idle.append(process)
        self._has_idle.set()

    def _on_ended(self, ended: Ended) -> None:
        """`ended.pid` 0: a process could not be made."""
        process = self._alive.pop(ended.pid, None)
        if process is not None:
            process.end.set_result(ended)
        if process is None or process in self._idle:  # memory may be short: not at once again
            if process is not None:
                self._idle.remove(process)
                process.close()
            self._fill_later()
        elif not self._is_closing:
            self._fill()

    def _report(self, kind: Kind, outcome: Outcome, ended: Ended | None) -> None:
        """`ended` None: the fork server ended first, so what the process used is unknown."""
        ended = ended or Ended(0, 0, 0, 0.0)
        if outcome in ("died", "timed_out"):
            logger.warning(
                "a decoding process was lost to its file",
                extra={
                    "kind": kind.name.lower(),
                    "outcome": outcome,
                    "signal": ended.signal,
                    "cpu_seconds": round(ended.cpu_seconds, 3),
                    "peak_mib": ended.peak_bytes >> 20,
                },
            )
        self._on_job(JobUsage(kind, outcome, ended.peak_bytes, ended.cpu_seconds))

    def _on_gone(self) -> None:
        """The fork server died, and its children with it."""
        self._can_fork = False
        self._end_all()
        if self._posture is None or self._is_closing:
            return
        logger.error("the media fork server ended; it is started again")
        if self._repair is None or self._repair.done():
            self._repair = asyncio.create_task(self._start_again(), name="media-sandbox")

    def _end_all(self) -> None:
        for process in self._idle:
            process.close()
        for process in self._alive.values():
            process.kill()
            process.end.set_result(None)
        self._alive.clear()
        self._idle.clear()

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
                await self._server.start()
            except OSError:
                logger.exception("the media fork server could not be started")
            else:
                self._fill()
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
                raise ValueError("a picture larger than its bound")
            size = await fit_size(reply.first, reply.second)
            await asyncio.get_running_loop().sock_sendall(process.gateway, SIZE.pack(*size))
            reply = await _read_reply(process)
    except OSError as error:
        raise _ProcessDied from error
    if reply.status not in (Status.DONE, Status.REFUSED):
        raise ValueError("a status that does not belong here")
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
