"""The process that makes decoding processes: it has imported the decoders once and never sees a file.

Started by `sandbox.py` with an environment of its own, so that no secret is in it, and with one socket. Ends
when that socket closes, and its children end with it.
"""

import contextlib
import gc
import os
import selectors
import signal
import socket
import sys
import warnings
from collections.abc import Callable

import pillow_heif

from app.media.sandbox import decoding_process
from app.media.sandbox.confinement import Confinement, Limits
from app.media.sandbox.messages import FORK, Ended, Forked, pack_report
from app.media.sandbox.warm_up import warm_up

MAX_REPORTS = 64


def main(arguments: list[str]) -> None:
    """Arguments: the control socket's descriptor, then the fields of each process's `Limits`."""
    descriptor, *limits_of_each = map(int, arguments)
    serve(descriptor, Limits(*limits_of_each), prepare())


def prepare() -> bytes:
    """Readies the decoders, before processes are forked. Returns a picture for these to warm up with."""
    warnings.filterwarnings("ignore")  # of broken metadata in callers' files
    # Pictures embedded in a picture, which are not used.
    pillow_heif.options.THUMBNAILS = pillow_heif.options.DEPTH_IMAGES = pillow_heif.options.AUX_IMAGES = False
    sample = warm_up()
    gc.collect()
    gc.freeze()  # what is shared stays untouched
    return sample


def serve(descriptor: int, limits: Limits, sample: bytes) -> None:
    """Forks processes on request, until the gateway has closed its end of the control socket."""
    confinement = Confinement(limits)
    # Sent to every process of a service, which must keep decoding until it is drained.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    with (
        socket.socket(fileno=descriptor) as control,
        contextlib.suppress(BrokenPipeError, ConnectionResetError),
    ):
        server = _Server(control, lambda gateway: decoding_process.run(gateway, confinement, sample))
        try:
            server.serve()
        finally:
            server.end()


class _Server:
    def __init__(self, control: socket.socket, run: Callable[[socket.socket], None]) -> None:
        self._control = control
        self._run = run
        self._children: set[int] = set()

    def serve(self) -> None:
        """Returns when the gateway closed its end of the control socket."""
        wake_read, wake_write = os.pipe()
        os.set_blocking(wake_read, False)
        os.set_blocking(wake_write, False)
        signal.set_wakeup_fd(wake_write)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        with selectors.DefaultSelector() as selector:
            selector.register(self._control, selectors.EVENT_READ)
            selector.register(wake_read, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select():
                    if key.fd == wake_read:
                        with contextlib.suppress(BlockingIOError):
                            os.read(wake_read, MAX_REPORTS)
                        self._reap()
                    elif not self._take_order():
                        return

    def end(self) -> None:
        """Kills the remaining processes and waits for them."""
        for pid in self._children:
            os.kill(pid, signal.SIGKILL)
        for pid in self._children:
            os.waitpid(pid, 0)

    def _take_order(self) -> bool:
        """Forks a process on request. Returns False when the gateway has ended."""
        order, descriptors, _, _ = socket.recv_fds(self._control, len(FORK), 1)
        if not order:
            return False
        (descriptor,) = descriptors
        try:
            pid = os.fork()
        except OSError:
            pid = -1
        if pid == 0:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            _silence()
            _close_all_but(descriptor)
            self._run(socket.socket(fileno=descriptor))
        os.close(descriptor)
        if pid > 0:
            self._children.add(pid)
        self._announce(max(pid, 0))
        return True

    def _announce(self, pid: int) -> None:
        """A child is not waited for before it is announced, so its number is still its own."""
        descriptors = []
        if pid and hasattr(os, "pidfd_open"):
            with contextlib.suppress(OSError):
                descriptors.append(os.pidfd_open(pid))
        socket.send_fds(self._control, [pack_report(Forked(pid))], descriptors)
        for descriptor in descriptors:
            os.close(descriptor)

    def _reap(self) -> None:
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            self._children.discard(pid)
            number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
            peak_bytes = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
            report = Ended(pid, number, peak_bytes, usage.ru_utime + usage.ru_stime)
            self._control.sendall(pack_report(report))


def _silence() -> None:
    """What decoders print may quote a file."""
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 2)


def _close_all_but(descriptor: int) -> None:
    os.closerange(3, descriptor)
    os.closerange(descriptor + 1, 1024)


if __name__ == "__main__":
    main(sys.argv[1:])
