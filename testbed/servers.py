"""Real servers for tests and benchmarks, such as Redis: each with its own port, password and directory.

Each is bound to the loopback address and dies with the process that started it, killed or not.
"""

import asyncio
import contextlib
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import asyncpg
import redis

START_SECONDS = 30.0
POLL_SECONDS = 0.02
LOG_CHARACTERS = 2000  # of a failed server's log, enough to see why


class MissingServer(Exception):
    """A server program is not installed. The message names the Debian package that has it."""


class ServerNotStarted(Exception):
    """The program ended, or did not respond in time. The message has the end of its log."""


class RedisServer:
    """One redis-server. After `stop`, `start` brings it back at the same address, empty."""

    def __init__(self, directory: Path) -> None:
        self._program = find_program("redis-server", package="redis-server")
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None
        self._password = secrets.token_urlsafe(24)
        self.port = free_port()

    @property
    def url(self) -> str:
        return f"redis://:{self._password}@127.0.0.1:{self.port}/0"

    @property
    def process_id(self) -> int:
        """While it runs."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        if self._process is not None:
            return
        config = self._directory / "redis.conf"
        config.touch(mode=0o600)
        config.write_text(
            f"bind 127.0.0.1\nport {self.port}\nrequirepass {self._password}\n"
            f'dir {self._directory}\nsave ""\nappendonly no\n'
        )
        log = self._directory / "redis.log"
        self._process = spawn([self._program, str(config)], log, signal.SIGKILL)
        while not self._responds():
            wait_a_little(self._process, log)

    def _responds(self) -> bool:
        with redis.Redis.from_url(self.url) as client:
            try:
                return bool(client.ping())
            except redis.ConnectionError:
                return False

    def flush(self) -> None:
        with redis.Redis.from_url(self.url) as client:
            client.flushall()

    def stop(self, stop_signal: signal.Signals = signal.SIGKILL) -> None:
        if self._process is not None:
            stop_process(self._process, stop_signal)
            self._process = None


class PostgresServer:
    """One PostgreSQL cluster, run by an unprivileged user when we are root.

    After `stop`, `start` brings it back at the same address with its databases.
    """

    def __init__(self, directory: Path) -> None:
        self._program = find_program("postgres", package="postgresql")
        self._initdb = find_program("initdb", package="postgresql")
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None
        self._password = secrets.token_urlsafe(24)
        self._databases = 0
        self.port = free_port()

    def url(self, database: str) -> str:
        return f"postgresql+asyncpg://{self._address(database)}"

    def _address(self, database: str) -> str:
        return f"gateway:{self._password}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        if self._process is not None:
            return
        data, log = self._directory / "data", self._directory / "postgres.log"
        if not data.exists():
            self._create_cluster(data)
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": "",
            "fsync": "off",  # a test's database need not survive a power cut
            "full_page_writes": "off",
            "shared_buffers": "32MB",
        }
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        command = [self._program, "-D", str(data), *options]
        self._process = spawn(command, log, signal.SIGQUIT, _unprivileged_user())
        while not self._responds():
            wait_a_little(self._process, log)

    def _create_cluster(self, data: Path) -> None:
        user, log = _unprivileged_user(), self._directory / "initdb.log"
        password_file = self._directory / "password"
        password_file.touch(mode=0o600)
        password_file.write_text(self._password)
        if user is not None:
            shutil.chown(self._directory, user)
            shutil.chown(password_file, user)
        command = [self._initdb, "-D", str(data), "-U", "gateway", "-E", "UTF8", "--no-sync"]
        command += ["--locale=C", "--auth=scram-sha-256", f"--pwfile={password_file}"]
        with spawn(command, log, signal.SIGKILL, user) as initdb:
            if initdb.wait(START_SECONDS) != 0:
                raise ServerNotStarted(log.read_text()[-LOG_CHARACTERS:])

    def _responds(self) -> bool:
        try:
            self._execute("SELECT 1")
        except (OSError, asyncpg.CannotConnectNowError):
            return False
        return True

    def create_database(self) -> str:
        """Returns the name of a new, empty one."""
        self._databases += 1
        name = f"test_{self._databases}"
        self._execute(f"CREATE DATABASE {name}")
        return name

    def drop_database(self, name: str) -> None:
        self._execute(f"DROP DATABASE {name} WITH (FORCE)")

    def _execute(self, statement: str) -> None:
        async def execute() -> None:
            connection = await asyncpg.connect(f"postgresql://{self._address('postgres')}")
            try:
                await connection.execute(statement)
            finally:
                await connection.close()

        with ThreadPoolExecutor(1) as executor:  # an asynchronous test's own loop is busy calling us
            executor.submit(asyncio.run, execute()).result()

    def stop(self, stop_signal: signal.Signals = signal.SIGQUIT) -> None:
        """SIGQUIT is PostgreSQL's immediate shutdown, SIGINT its fast one."""
        if self._process is not None:
            stop_process(self._process, stop_signal)
            self._process = None


@contextlib.contextmanager
def server_directory() -> Iterator[Path]:
    """A directory that another user may be given; pytest's own are closed to others."""
    directory = Path(tempfile.mkdtemp(prefix="gateway-tests-"))
    try:
        yield directory
    finally:
        shutil.rmtree(directory)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def find_program(name: str, package: str) -> str:
    """Looks on the PATH, then in Debian's directories for servers. Raises `MissingServer`."""
    installed = [
        *Path("/usr/sbin").glob(name),
        *sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True),
    ]
    path = shutil.which(name) or next((str(path) for path in installed), None)
    if path is None:
        raise MissingServer(f"{name} is not installed: apt-get install {package}")
    return path


def _unprivileged_user() -> str | None:
    """The user that runs PostgreSQL, which refuses root; None is the current one."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def spawn(
    command: Sequence[str], log: Path, stop_signal: signal.Signals, user: str | None = None
) -> "subprocess.Popen[bytes]":
    """Starts it as `watched`."""
    with log.open("ab") as output:
        return subprocess.Popen(
            watched(command, stop_signal),
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            cwd=log.parent,
            user=user,
            group=None if user is None else pwd.getpwnam(user).pw_gid,
            extra_groups=None if user is None else [],
            start_new_session=True,  # Ctrl-C reaches us alone; the fixtures stop the servers
        )


def watched(command: Sequence[str], stop_signal: signal.Signals) -> list[str]:
    """The command with a watcher that signals it when the other end of its standard input closes.

    If that is a pipe, it closes when the process that started it dies. `setpriv --pdeathsig` would not do:
    it fires when the starting thread ends, not the process.
    """
    name = stop_signal.name.removeprefix("SIG")
    script = f'exec 3<&0 </dev/null; (read -r _ <&3; kill -s {name} $$) & exec "$@" 3<&-'
    return ["/bin/sh", "-c", script, "sh", *command]


def wait_a_little(process: "subprocess.Popen[bytes]", log: Path) -> None:
    """Between two checks whether it responds. Raises `ServerNotStarted` when it has ended."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(POLL_SECONDS)
        raise ServerNotStarted(log.read_text()[-LOG_CHARACTERS:])


def stop_process(process: "subprocess.Popen[bytes]", stop_signal: signal.Signals) -> None:
    process.send_signal(stop_signal)
    process.wait(START_SECONDS)
    assert process.stdin is not None
    process.stdin.close()
