"""Fork servers for tests that start many gateways: forks of one process that has imported the decoders.

Importing them takes longer than most tests. From there on these are the gateway's own fork servers.
"""

import contextlib
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import traceback
from dataclasses import astuple
from threading import Lock
from typing import NoReturn

from app.media.sandbox import fork_server
from app.media.sandbox.confinement import Limits
from app.media.sandbox.processes import ServerProcess, start_python

_LIMITS = struct.Struct("qqq")
_FORKED = b"f"


class WarmForkServers:
    """The process ends with its creator, or after `close`. Any thread may call `launch`."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._control, theirs = socket.socketpair()
        with theirs:
            self._process = start_python(__name__, str(theirs.fileno()), inherited=theirs.fileno())

    def launch(self, descriptor: int, limits: Limits) -> ServerProcess:
        """For `create_app`."""
        with self._lock:
            socket.send_fds(self._control, [_LIMITS.pack(*astuple(limits))], [descriptor])
            _, (process,), _, _ = socket.recv_fds(self._control, len(_FORKED), 1)
        return _Fork(process)

    def close(self) -> None:
        """The fork servers stay until their gateways end."""
        self._control.close()
        self._process.wait()


class _Fork:
    """A process that is not a child of this one; see `ServerProcess`."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def wait(self, timeout: float | None = None) -> int:
        poll = select.poll()
        poll.register(self._descriptor, select.POLLIN)
        if not poll.poll(None if timeout is None else timeout * 1000):
            raise subprocess.TimeoutExpired(__name__, timeout or 0.0)
        os.close(self._descriptor)
        return 0

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._descriptor, signal.SIGKILL)


def main(descriptor: int) -> None:
    """Forks a server for each socket that comes, until the other end is closed."""
    sample = fork_server.prepare()
    with socket.socket(fileno=descriptor) as control:
        while True:
            limits, descriptors, _, _ = socket.recv_fds(control, _LIMITS.size, 1)
            if not limits:
                return
            (gateway,) = descriptors
            pid = os.fork()
            if pid == 0:
                control.close()
                _run(gateway, Limits(*_LIMITS.unpack(limits)), sample)
            os.close(gateway)
            process = os.pidfd_open(pid)
            socket.send_fds(control, [_FORKED], [process])
            os.close(process)
            _reap()


def _run(gateway: int, limits: Limits, sample: bytes) -> NoReturn:
    try:
        os.setsid()
        fork_server.serve(gateway, limits, sample)
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(0)


def _reap() -> None:
    """Servers that have ended."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


if __name__ == "__main__":
    main(int(sys.argv[1]))
