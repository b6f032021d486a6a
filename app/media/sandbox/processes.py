"""The gateway's side of the fork server: orders decoding processes and learns when they end."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from app.media.sandbox.confinement import Limits, Posture
from app.media.sandbox.messages import FORK, REPORT, Ended, Forked, unpack_report

_SOURCE: Final = Path(__file__).parents[3]
_EXIT_SECONDS: Final = 5.0
# All that a decoding process inherits: where libraries lie, and bounds on what they take for themselves.
_INHERITED: Final = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "VIRTUAL_ENV")
_FIXED: Final = {
    "LC_ALL": "C.UTF-8",
    "PYTHONDONTWRITEBYTECODE": "1",
    "MALLOC_ARENA_MAX": "2",  # glibc's; one for each thread would count as memory
    "MALLOC_MMAP_THRESHOLD_": str(16 * 1_048_576),  # smaller blocks come from memory that was touched before
    "MALLOC_TRIM_THRESHOLD_": str(32 * 1_048_576),
}


@dataclass(slots=True, eq=False)
class DecodingProcess:
    """Made by `ForkServer`; closed by `Sandbox`."""

    pid: int
    descriptor: int  # of the process, or -1 where the system has none
    gateway: socket.socket
    end: "asyncio.Future[Ended | None]"  # None: the fork server ended first, and this process with it
    posture: Posture | None = None  # once it is confined

    def close(self) -> None:
        """Kills the process, whatever it does. Not for one whose reply somebody awaits: use `kill`."""
        self.kill()
        self.gateway.close()
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1

    def kill(self) -> None:
        """A caller that awaits a reply then reads the end of the socket."""
        with contextlib.suppress(ProcessLookupError):
            if self.descriptor >= 0:
                signal.pidfd_send_signal(self.descriptor, signal.SIGKILL)
            elif not self.end.done():
                os.kill(self.pid, signal.SIGKILL)


class ServerProcess(Protocol):
    """A fork server's process, as `subprocess.Popen` has it. Used in threads."""

    def wait(self, timeout: float | None = None) -> int:
        """Raises `TimeoutExpired`."""
        ...

    def kill(self) -> None: ...


# Starts a fork server that serves the socket of this descriptor. Called in a thread; raises `OSError`.
Launch = Callable[[int, Limits], ServerProcess]


def launch_fork_server(descriptor: int, limits: Limits) -> ServerProcess:
    """Raises `OSError`."""
    bounds = (limits.memory_bytes, limits.cpu_seconds, limits.result_bytes)
    return start_python(
        "app.media.sandbox.fork_server", *map(str, (descriptor, *bounds)), inherited=descriptor
    )


def start_python(module: str, *arguments: str, inherited: int) -> subprocess.Popen[bytes]:
    """Runs a module in an environment without secrets, with one descriptor. Raises `OSError`."""
    environment = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    return subprocess.Popen(  # noqa: S603 - this interpreter and arguments of our own
        [sys.executable, "-m", module, *arguments],
        env=environment | _FIXED | {"PYTHONPATH": str(_SOURCE)},
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,  # its own errors go where the gateway's do
        pass_fds=(inherited,),
        start_new_session=True,  # signals of the terminal are for the gateway
    )


class ForkServer:
    """Started and closed by `Sandbox`, from the event loop; ends with the gateway, however that ends."""

    def __init__(
        self,
        limits: Limits,
        on_forked: Callable[[DecodingProcess], None],
        on_ended: Callable[[Ended], None],
        on_gone: Callable[[], None],
        launch: Launch,
    ) -> None:
        self._limits = limits
        self._launch = launch
        self._on_forked = on_forked
        self._on_ended = on_ended
        self._on_gone = on_gone
        self.gone = asyncio.Event()
        self._ordered: list[socket.socket] = []
        self._control: socket.socket | None = None
        self._child: ServerProcess | None = None

    async def start(self) -> None:
        """Raises `OSError`."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        with theirs:
            try:
                self._child = await asyncio.to_thread(self._launch, theirs.fileno(), self._limits)
            except BaseException:
                ours.close()
                raise
        self._control = ours
        asyncio.get_running_loop().add_reader(ours.fileno(), self._read)

    def order(self) -> bool:
        """Requests one more process. Returns False if that is not possible now."""
        if self._control is None:
            return False
        try:
            ours, theirs = socket.socketpair()
        except OSError:  # no descriptors left
            return False
        with theirs:
            try:
                ours.setblocking(False)
                socket.send_fds(self._control, [FORK], [theirs.fileno()])
            except OSError:
                ours.close()
                return False
        self._ordered.append(ours)
        return True

    @property
    def ordered(self) -> int:
        """How many processes are on their way."""
        return len(self._ordered)

    async def aclose(self) -> None:
        """Ends the server and with it every process that is left."""
        self._disconnect()
        if self._child is not None:
            child, self._child = self._child, None
            await asyncio.to_thread(_end, child)

    def _read(self) -> None:
        assert self._control is not None
        while self._control is not None:
            try:
                data, descriptors, _, _ = socket.recv_fds(self._control, REPORT.size, 1)
            except BlockingIOError:
                return
            except OSError:
                data, descriptors = b"", []
            if len(data) < REPORT.size:
                self._disconnect()
                self.gone.set()
                self._on_gone()
                return
            report = unpack_report(data)
            if isinstance(report, Ended):
                self._on_ended(report)
            else:
                self._take(report, descriptors[0] if descriptors else -1)

    def _take(self, forked: Forked, descriptor: int) -> None:
        gateway = self._ordered.pop(0)
        if forked.pid == 0:
            gateway.close()
            self._on_ended(Ended(0, 0, 0, 0.0))
        else:
            end = asyncio.get_running_loop().create_future()
            self._on_forked(DecodingProcess(forked.pid, descriptor, gateway, end))

    def _disconnect(self) -> None:
        if self._control is not None:
            asyncio.get_running_loop().remove_reader(self._control.fileno())
            self._control.close()
            self._control = None
        for gateway in self._ordered:
            gateway.close()
        self._ordered.clear()


def _end(child: ServerProcess) -> None:
    try:
        child.wait(_EXIT_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
