"""A process that confines itself and then does what its argument names; a test starts it.

Ends with DONE, REFUSED where the kernel said no, OTHER, or by a signal.
"""

import ctypes
import mmap
import os
import resource
import signal
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from app.media.sandbox.confinement import Confinement, Limits

MIB = 1_048_576
LIMITS = Limits(memory_bytes=200 * MIB, cpu_seconds=1, result_bytes=MIB)
DONE, REFUSED, OTHER = 0, 3, 4


def spin() -> None:
    while True:
        pass


def start_thread() -> None:
    thread = threading.Thread(target=os.getpid)
    thread.start()
    thread.join()


def write_two_mib() -> None:
    result = os.memfd_create("result")
    confine()
    for at in (0, MIB):
        os.pwrite(result, bytes(MIB), at)


def confine() -> None:
    posture = Confinement(LIMITS).enter()
    print(posture.to_bits(), flush=True)


EXECUTABLE = mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC
ALLOWED: dict[str, Callable[[], object]] = {
    "nothing": lambda: None,
    "threads": start_thread,
    "a-hundred-mib": lambda: bytearray(100 * MIB),
}
REFUSED_BY_KERNEL: dict[str, Callable[[], object]] = {
    "open": lambda: os.open("/etc/passwd", os.O_RDONLY),
    "list": lambda: os.listdir("/"),
    "write": lambda: Path("/tmp/confined").write_text("x"),
    "stat": lambda: os.stat("/etc/passwd"),
    "network": socket.socket,
    "unix-socket": lambda: socket.socket(socket.AF_UNIX),
    "fork": os.fork,
    "exec": lambda: os.execv("/bin/true", ["true"]),
    "signal": lambda: os.kill(os.getppid(), signal.SIGTERM),
    "priority": lambda: os.setpriority(os.PRIO_PROCESS, 0, 0),
    "new-code": lambda: mmap.mmap(-1, 4096, prot=EXECUTABLE),
    "shared-memory": lambda: mmap.mmap(-1, MIB, flags=mmap.MAP_SHARED | mmap.MAP_ANONYMOUS),
    "own-limits": lambda: resource.setrlimit(resource.RLIMIT_CPU, (1, 100)),
    "more-files": lambda: os.memfd_create("more"),
    "three-hundred-mib": lambda: bytearray(300 * MIB),
}
KILLED: dict[str, Callable[[], object]] = {
    "spin": spin,
    "crash": lambda: ctypes.string_at(0),
}


def main(name: str) -> int:
    if name == "large-result":
        act: Callable[[], object] = write_two_mib
    else:
        act = (ALLOWED | REFUSED_BY_KERNEL | KILLED)[name]
        confine()
    try:
        act()
    except (PermissionError, MemoryError, ValueError):
        return REFUSED
    except OSError:
        return OTHER
    return DONE


if __name__ == "__main__":
    os._exit(main(sys.argv[1]))
