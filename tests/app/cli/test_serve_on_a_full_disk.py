"""`gateway serve` on a disk that is really full, its log included. It serves on, says so, and recovers."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from testbed.servers import free_port
from testbed.small_disk import SmallDisk

pytestmark = [pytest.mark.servers, pytest.mark.slow]

GATEWAY = Path(sys.executable).with_name("gateway")
SECONDS = 60
BODY = {"prompt": "hello"}

Command = Callable[..., str]


@pytest.fixture
def environment(disk: SmallDisk) -> dict[str, str]:
    given = {
        "GATEWAY_BACKEND": "scripted",
        "GATEWAY_DATA_DIR": str(disk.place / "data"),
        "GATEWAY_LIMITS__REQUESTS_PER_MINUTE": "1000",
    }
    return {name: value for name, value in os.environ.items() if not name.startswith("GATEWAY_")} | given


@pytest.fixture
def command(disk: SmallDisk, environment: dict[str, str], tmp_path: Path) -> Command:
    def run(*arguments: str) -> str:
        words = [*disk.inside, str(GATEWAY), *arguments]
        done = subprocess.run(words, env=environment, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    return run


@contextmanager
def serving(
    disk: SmallDisk, environment: dict[str, str], directory: Path, outputs: Any
) -> Iterator[tuple["subprocess.Popen[bytes]", httpx.Client]]:
    """Until it can be reached. `outputs` is where both of its outputs go."""
    port = free_port()
    words = [*disk.inside, str(GATEWAY), "serve", "--port", str(port)]
    process = subprocess.Popen(words, env=environment, cwd=directory, stdout=outputs, stderr=outputs)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=SECONDS) as client:
            wait_for(lambda: can_connect(client), process)
            yield process, client
    finally:
        process.kill()
        process.wait()


def can_connect(client: httpx.Client) -> bool:
    try:
        return client.get("/healthz").status_code == 200
    except httpx.TransportError:
        return False


def wait_for(condition: Callable[[], bool], process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert process.poll() is None, "it ended"
        assert time.monotonic() < deadline
        time.sleep(0.05)


def states(client: httpx.Client) -> dict[str, str]:
    document = client.get("/readyz").json()
    return {"status": document["status"], **document["components"]}


def metric(client: httpx.Client, name: str) -> float:
    (line,) = [line for line in client.get("/metrics").text.splitlines() if line.startswith(f"{name} ")]
    return float(line.split()[1])


def test_it_serves_on_and_loses_nothing_when_the_disk_is_full(
    disk: SmallDisk, environment: dict[str, str], command: Command, tmp_path: Path
) -> None:
    users = {"Authorization": f"Bearer {command('token', 'issue', '--user', 'bob')}"}
    admins = {"Authorization": f"Bearer {command('token', 'issue', '--user', 'root', '--scope', 'admin')}"}
    with (
        (disk.path / "log").open("ab") as log,
        serving(disk, environment, tmp_path, log) as (process, client),
    ):
        assert client.post("/chat", headers=users, json=BODY).status_code == 200
        wait_for(lambda: metric(client, "gateway_usage_records_written_total") == 1, process)
        assert set(states(client).values()) == {"ready"}

        disk.fill()
        for _ in range(20):
            assert client.post("/chat", headers=users, json=BODY).status_code == 200
        refused = client.post("/admin/users", headers=admins, json={"name": "carol"})
        assert (refused.status_code, refused.json()["code"]) == (503, "database_unavailable")
        wait_for(lambda: states(client)["usage"] == "degraded", process)
        wait_for(lambda: states(client)["database"] == "degraded", process)
        assert client.get("/readyz").status_code == 200
        assert metric(client, "gateway_usage_degraded") == 1
        assert metric(client, "gateway_usage_records_in_memory") > 0

        disk.make_room()
        wait_for(lambda: set(states(client).values()) == {"ready"}, process)
        wait_for(lambda: metric(client, "gateway_usage_records_written_total") == 21, process)
        assert metric(client, "gateway_usage_records_dropped_total") == 0
        assert metric(client, "gateway_usage_records_in_memory") == 0
        assert client.post("/admin/users", headers=admins, json={"name": "carol"}).status_code == 201
        process.send_signal(signal.SIGTERM)
        assert process.wait(SECONDS) == 0
    copied = tmp_path / "gateway.db"
    copied.write_bytes((disk.path / "data" / "gateway.db").read_bytes())
    database = sqlite3.connect(copied)
    assert database.execute("SELECT count(*), count(DISTINCT request_id) FROM usage").fetchone() == (21, 21)
    database.close()


def test_it_starts_and_ends_well_when_its_log_is_on_a_full_disk(
    disk: SmallDisk, environment: dict[str, str], command: Command, tmp_path: Path
) -> None:
    environment["GATEWAY_DATA_DIR"] = str(tmp_path / "data")  # which has room
    command("db", "upgrade")
    users = {"Authorization": f"Bearer {command('token', 'issue', '--user', 'bob')}"}
    disk.fill()
    with (
        (disk.path / "ballast").open("ab") as log,
        serving(disk, environment, tmp_path, log) as (process, client),
    ):
        for _ in range(5):
            assert client.post("/chat", headers=users, json=BODY).status_code == 200
        assert set(states(client).values()) == {"ready"}
        process.send_signal(signal.SIGTERM)
        assert process.wait(SECONDS) == 0


def test_it_serves_on_when_nobody_reads_what_it_writes(
    disk: SmallDisk, environment: dict[str, str], command: Command, tmp_path: Path
) -> None:
    users = {"Authorization": f"Bearer {command('token', 'issue', '--user', 'bob')}"}
    reading, writing = os.pipe()
    os.close(reading)
    with serving(disk, environment, tmp_path, writing) as (process, client):
        for _ in range(5):
            assert client.post("/chat", headers=users, json=BODY).status_code == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(SECONDS) == 0
    os.close(writing)


def test_read_only_data_directory_stops_the_start_in_one_sentence(
    disk: SmallDisk, environment: dict[str, str], command: Command, tmp_path: Path
) -> None:
    command("db", "upgrade")
    script = f'mount -o remount,ro "{disk.place}" && exec "{GATEWAY}" serve --port 0'
    words = [*disk.inside, "/bin/sh", "-c", script]
    done = subprocess.run(
        words, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=SECONDS
    )
    assert done.returncode != 0
    assert "cannot be written (Read-only file system)" in done.stderr
    assert "Traceback" not in done.stderr
