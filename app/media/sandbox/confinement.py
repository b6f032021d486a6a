"""What a decoding process gives up before it sees a stranger's bytes: files, network, other processes.

Each layer is applied where the kernel has it; `Posture` says which ones hold.
"""

import contextlib
import ctypes
import errno
import mmap
import os
import resource
import signal
import sys
from dataclasses import dataclass
from typing import Final

if sys.platform == "linux":
    import landlockpy
    import seccompy
    from seccompy import ArgCmp, CmpOp

_CLONE_THREAD: Final = 0x10000
_PROT_EXEC: Final = 4
_MAP_TYPE: Final = 3
_AT_EMPTY_PATH: Final = 0x1000
_PR_SET_PDEATHSIG: Final = 1
_NICENESS: Final = (
    5  # the event loop and the model go first; a third of a core is still left when both are busy
)
_MAX_DESCRIPTORS: Final = 16

# What decoders call once everything is imported: memory, threads of their own, files that are open already.
_ALLOWED: Final = (
    *(
        "brk",
        "close",
        "exit",
        "exit_group",
        "fstat",
        "fsync",
        "ftruncate",
        "futex",
        "getcpu",
        "getcwd",
        "getpid",
    ),
    *("getrandom", "gettid", "lseek", "madvise", "mremap", "munmap", "nanosleep", "clock_nanosleep"),
    *("clock_gettime", "clock_getres", "gettimeofday", "poll", "ppoll", "pread64", "pwrite64", "read"),
    *("readv", "recvfrom", "recvmsg", "restart_syscall", "rseq", "rt_sigaction", "rt_sigprocmask"),
    *("rt_sigreturn", "sched_getaffinity", "sched_yield", "sendmsg", "sendto", "set_robust_list"),
    *("sigaltstack", "sysinfo", "times", "getrusage", "write", "writev"),
)


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one process. `memory_bytes` counts what it allocates, not the libraries that it shares.

    Wall-clock time is the gateway's to watch, which kills the process when it is over.
    """

    memory_bytes: int
    cpu_seconds: int
    result_bytes: int


@dataclass(frozen=True, slots=True)
class Posture:
    """Which layers hold around a decoding process."""

    limits: bool
    seccomp: bool
    landlock: bool

    @property
    def is_full(self) -> bool:
        return self.limits and self.seccomp and self.landlock

    def to_bits(self) -> int:
        return self.limits | self.seccomp << 1 | self.landlock << 2

    @classmethod
    def from_bits(cls, bits: int) -> "Posture":
        return cls(bool(bits & 1), bool(bits & 2), bool(bits & 4))


NO_POSTURE: Final = Posture(limits=False, seccomp=False, landlock=False)


class Confinement:
    """Made once, by the fork server: finding the C library starts programs, which confined ones cannot."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._system_calls: seccompy.Filter | None = None
        self._has_landlock = False
        if sys.platform == "linux":
            self._c_library = ctypes.CDLL(None)
            self._has_landlock = landlockpy.supported()
            if seccompy.supported():
                self._system_calls = _allowed_system_calls()

    def enter(self) -> Posture:
        """Confines this process, which cannot be undone. Call it with one thread, after every import."""
        with contextlib.suppress(OSError):
            os.nice(_NICENESS)
        _be_killed_first()
        limits = _set_limits(self._limits)
        if sys.platform == "linux":
            self._c_library.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        landlock = self._has_landlock and _deny_files_and_network()
        seccomp = self._system_calls is not None and _load(self._system_calls)
        return Posture(limits, seccomp, landlock)


def _be_killed_first() -> None:
    """When the machine runs out of memory, the kernel takes this process and not the gateway."""
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write("1000")


def _set_limits(limits: Limits) -> bool:
    wanted = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_DATA: limits.memory_bytes,
        resource.RLIMIT_FSIZE: limits.result_bytes,
        resource.RLIMIT_NOFILE: _MAX_DESCRIPTORS,
    }
    try:
        for kind, value in wanted.items():
            resource.setrlimit(kind, (value, value))
        # The first ends it with SIGXCPU, which says why; a process that ignores that is killed by the second.
        resource.setrlimit(resource.RLIMIT_CPU, (limits.cpu_seconds, limits.cpu_seconds + 1))
    except (OSError, ValueError):
        return False
    return True


def _deny_files_and_network() -> bool:
    scope = landlockpy.Scope.SIGNAL | landlockpy.Scope.ABSTRACT_UNIX_SOCKET
    try:
        with landlockpy.Ruleset(scoped=scope) as ruleset:
            ruleset.restrict()
    except landlockpy.LandlockError:
        return False
    return True


def _load(system_calls: "seccompy.Filter") -> bool:
    try:
        system_calls.load()
    except seccompy.SeccompError:
        return False
    return True


def _allowed_system_calls() -> "seccompy.Filter":
    allowed = seccompy.Filter(default=seccompy.Action.ERRNO | errno.EPERM)
    for name in _ALLOWED:
        with contextlib.suppress(ValueError, KeyError, OSError):  # not on this processor
            allowed.allow(seccompy.syscall_nr(name))
    no_new_code = ArgCmp(2, CmpOp.MASKED_EQ, 0, mask=_PROT_EXEC)
    private = ArgCmp(
        3, CmpOp.MASKED_EQ, mmap.MAP_PRIVATE, mask=_MAP_TYPE
    )  # the bound on memory counts no other
    allowed.allow("mmap", args=[no_new_code, private])
    allowed.allow("mprotect", args=[no_new_code])
    allowed.allow("clone", args=[ArgCmp(0, CmpOp.MASKED_EQ, _CLONE_THREAD, mask=_CLONE_THREAD)])
    allowed.errno("clone3", errno.ENOSYS)  # its flags cannot be checked; the C library falls back to clone
    allowed.allow("newfstatat", args=[ArgCmp(3, CmpOp.EQ, _AT_EMPTY_PATH)])
    allowed.allow("prlimit64", args={2: 0})  # reading alone
    assert allowed.program  # compiled here, once
    return allowed
