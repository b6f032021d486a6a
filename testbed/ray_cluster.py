"""A Ray cluster of engines on the loopback address, started by the commands of `deploy/ray`.

Each node is a tree of processes, which can be killed at once, as a machine that loses its power. All nodes
share one port for requests, as machines behind one address do: the kernel spreads connections over them.
"""

import json
import os
import secrets
import signal
import subprocess
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import psutil

from testbed.servers import (
    MissingServer,
    ServerNotStarted,
    free_port,
    server_directory,
    wait_a_little,
)

ROOT: Final = Path(__file__).parents[1]
PYTHON: Final = ROOT / ".clients" / "ray" / "bin" / "python"  # made by scripts/install-test-clients
OBJECT_STORE_BYTES: Final = 80 << 20  # about the least that Ray takes
HEAD_ADDRESS: Final = "127.0.0.2"  # Ray replaces 127.0.0.1 with an address that others can reach
SECONDS: Final = 240.0
POLL_SECONDS: Final = 0.1
STARTS: Final = 3
STOP_SECONDS: Final = 15.0
STARTED: Final = "Ray runtime started"
# As in servers.py, and then for the children of Ray's first process, which it may leave behind.
WATCHED: Final = (
    'exec 3<&0 </dev/null; (read -r _ <&3; kill -s TERM $$; sleep 10; kill -s KILL 0) & exec "$@" 3<&-'
)
LOOK: Final = Path(__file__).with_name("ray_replicas.py")


class RayNode:
    """One node with places for replicas on the processor. Ends with this process, or by `stop` or `kill`."""

    def __init__(self, command: Sequence[str], environment: dict[str, str], log: Path) -> None:
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                ["/bin/sh", "-c", WATCHED, "sh", *command],
                env=os.environ | environment,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                cwd=log.parent,
                start_new_session=True,
            )
        self._log = log
        self.is_alive = True

    def wait_until_started(self) -> None:
        """Raises `ServerNotStarted` if it ends instead."""
        while STARTED not in self._log.read_text():
            wait_a_little(self._process, self._log)

    def processes(self) -> list[psutil.Process]:
        with suppress(psutil.NoSuchProcess):
            top = psutil.Process(self._process.pid)
            return [top, *top.children(recursive=True)]
        return []

    def memory_bytes(self) -> int:
        """Of its processes, without what they share."""
        found = 0
        for process in self.processes():
            with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                found += process.memory_full_info().uss
        return found

    def kill(self) -> None:
        """All processes at once, before any of them can tell anyone."""
        doomed = self.processes()
        for each in doomed:  # so that none starts another one meanwhile
            with suppress(psutil.NoSuchProcess):
                each.suspend()
        _kill([*doomed, *self.processes()])
        self._end()

    def stop(self) -> None:
        """As an operator does. Kills what is left after that."""
        if not self.is_alive:
            return
        running = self.processes()
        self._process.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(STOP_SECONDS)
        _kill(running)
        self._end()

    def _end(self) -> None:
        self.is_alive = False
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(SECONDS)
        assert self._process.stdin is not None
        self._process.stdin.close()


def _kill(processes: Iterable[psutil.Process]) -> None:
    doomed = set(processes)
    for each in doomed:
        with suppress(psutil.NoSuchProcess):
            each.kill()
    psutil.wait_procs(doomed, SECONDS)


class RayCluster:
    """Made by `ray_cluster`, which ends all nodes."""

    def __init__(self, directory: Path, stack: ExitStack, settings: dict[str, str]) -> None:
        self.port = free_port()
        self.key = secrets.token_hex(32)
        self._directory = directory
        self._stack = stack
        self._head_port = free_port()
        self._nodes = 0
        self._key_file = directory / "engine_key"
        self._key_file.write_text(self.key)
        token = directory / "ray_token"
        token.write_text(secrets.token_hex(32))
        self._environment = settings | {
            "PYTHON": str(PYTHON),
            "PATH": f"{PYTHON.parent}:{os.environ['PATH']}",
            "HOME": str(directory),
            "OMP_NUM_THREADS": "1",
            "PYTHONDONTWRITEBYTECODE": "",  # each node has a dozen processes that import the same modules
            "RAY_AUTH_TOKEN_PATH": str(token),
            "RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S": "0",
            "RAY_OBJECT_STORE_BYTES": str(OBJECT_STORE_BYTES),
            "RAY_ADDRESS": f"{HEAD_ADDRESS}:{self._head_port}",
        }

    def gateway_settings(self) -> dict[str, str]:
        """Of a gateway in front. Two names of one address, so that it tries a request twice."""
        endpoints = [{"url": f"http://{host}:{self.port}"} for host in ("127.0.0.1", "localhost")]
        return {
            "GATEWAY_BACKEND": "remote",
            "GATEWAY_REMOTE__ENDPOINTS": json.dumps(endpoints),
            "GATEWAY_REMOTE__KEY": self.key,
            "GATEWAY_REMOTE__ABILITIES": "actions,images,logprobs,thinking,tools,top_k,typed_output",
            "GATEWAY_REMOTE__RECORDINGS": "input_audio",
        }

    def start_node(self, places: int) -> RayNode:
        """The first node, or another one, which has joined it then.

        On a busy machine a node may need longer than the 30 s that Ray gives it: it is started again.
        """
        for _ in range(STARTS - 1):
            with suppress(ServerNotStarted):
                return self._start_node(places)
        return self._start_node(places)

    def _start_node(self, places: int) -> RayNode:
        self._nodes += 1
        command = [str(ROOT / "deploy" / "ray" / "node")]
        if self._nodes > 1:
            command += [f"{HEAD_ADDRESS}:{self._head_port}"]
        else:
            command += ["--port", str(self._head_port), "--ray-client-server-port", str(free_port())]
            command += ["--no-monitor"]
        command += ["--node-ip-address", f"127.0.0.{self._nodes + 1}", "--num-cpus", str(places)]
        command += ["--num-gpus", "0", "--temp-dir", str(self._directory / "ray")]
        command += ["--dashboard-agent-listen-port", str(free_port())]
        command += ["--plasma-directory", str(self._directory)]  # not all containers have a /dev/shm
        node = RayNode(command, self._environment, self._directory / f"node-{self._nodes}.log")
        self._stack.callback(node.stop)
        node.wait_until_started()
        return node

    def deploy(self, *options: str, **settings: str) -> None:
        """Waits until the first replicas serve. Raises AssertionError with what the command said."""
        command = [str(ROOT / "deploy" / "ray" / "deploy"), "--key-file", str(self._key_file)]
        command += ["--port", str(self.port), *options]
        done = subprocess.run(
            command,
            env=os.environ | self._environment | settings,
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    @contextmanager
    def look(self) -> Iterator["Look"]:
        """A process that is connected to the cluster and says what runs."""
        with subprocess.Popen(
            [str(PYTHON), str(LOOK)],
            env=os.environ | self._environment | {"RAY_AUTH_MODE": "token"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        ) as process:
            try:
                yield Look(process)
            finally:
                process.kill()


class Look:
    """What runs in the cluster, asked as often as needed."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def now(self) -> dict[str, Any]:
        """As `testbed/ray_replicas.py` describes it."""
        return self._request("placement")

    def requests(self) -> dict[str, int]:
        """How many each replica has, running and waiting."""
        return self._request("requests")

    def _request(self, subject: str) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{subject}\n")
        self._process.stdin.flush()
        found: dict[str, Any] = json.loads(self._process.stdout.readline())
        return found

    def wait_for(self, **counts: int) -> dict[str, Any]:
        """`nodes=2`, `replicas=3`: until there are so many. Raises TimeoutError."""
        deadline = time.monotonic() + SECONDS
        while True:
            found = self.now()
            if all(len(found[name]) == count for name, count in counts.items()):
                return found
            if time.monotonic() > deadline:
                raise TimeoutError(f"{counts} are not there: {found}")
            time.sleep(POLL_SECONDS)


@contextmanager
def ray_cluster(**settings: str) -> Iterator[RayCluster]:
    """`settings` are the environment of all nodes. Raises `MissingServer`."""
    if not (PYTHON.parents[1] / ".installed").is_file():
        raise MissingServer("Ray is optional: `scripts/install-test-clients ray` installs it")
    with server_directory() as directory:
        try:
            with ExitStack() as stack:
                yield RayCluster(directory, stack, settings)
        finally:
            _kill(_processes_in(directory))


def _processes_in(directory: Path) -> Iterator[psutil.Process]:
    """Processes of a node whose first one has ended are children of nobody, but have its environment."""
    for process in psutil.process_iter():
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            if process.environ().get("HOME") == str(directory):
                yield process
