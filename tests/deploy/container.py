"""A process as its container has it: one user, no capabilities, and one directory to write to."""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from testbed.servers import LOG_CHARACTERS, ServerNotStarted, spawn, stop_process

SECONDS = 60
PAUSE_SECONDS = 0.5  # between two looks whether it is healthy
# A user's own mount namespace, where every file system but one directory is read-only, and that user in it.
# Each mount is remounted by itself, with the flags it has: /tmp and /var are often file systems of their own.
CONTAIN = """
data=$1 user=$2 && shift 2 && mount --bind "$data" "$data" &&
while read -r _ _ _ _ place flags _; do
    case $place in "$data" | /dev | /dev/* | /proc | /proc/* | /sys | /sys/*) continue ;; esac
    mount --options "remount,bind,$flags,ro" "$(printf %b "$place")" || exit
done </proc/self/mountinfo &&
exec unshare --user --map-user "$user" --map-group "$user" "$@"
"""


class Container:
    """Runs commands as one user on a read-only root file system, with one directory to write to."""

    def __init__(self, unshare: str, user: str, data: Path, environment: dict[str, str]) -> None:
        self._command = [
            unshare,
            "--map-root-user",
            "--mount",
            "/bin/sh",
            "-c",
            CONTAIN,
            "sh",
            str(data),
            user,
        ]
        self.data = data
        self.environment = environment

    def run(self, *command: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [*self._command, *command],
            env=self.environment,
            cwd=self.data,
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )

    def say(self, *command: str) -> str:
        done = self.run(*command)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    @contextmanager
    def running(
        self, *command: str, health: list[str], stop_signal: signal.Signals = signal.SIGTERM
    ) -> Iterator["subprocess.Popen[bytes]"]:
        """From when it is healthy. Ended afterwards, if it has not ended by itself."""
        log = self.data / "log"
        variables = [f"{name}={value}" for name, value in self.environment.items()]
        process = spawn(["/usr/bin/env", "-i", *variables, *self._command, *command], log, stop_signal)
        try:
            while subprocess.run(health, env=self.environment, capture_output=True).returncode != 0:
                with suppress(subprocess.TimeoutExpired):
                    process.wait(PAUSE_SECONDS)
                    raise ServerNotStarted(log.read_text()[-LOG_CHARACTERS:])
            yield process
        finally:
            stop_process(process, stop_signal)
