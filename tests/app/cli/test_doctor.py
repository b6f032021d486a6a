"""What `gateway doctor` finds, and what it keeps to itself."""

import asyncio
import contextlib
import json
import os
import sqlite3
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from testbed.servers import free_port
from tests.app.cli.conftest import Result, Run
from tests.inference.backends.remote.engine_server import engine_server


def state_of(result: Result, part: str) -> str:
    (row,) = [line.split("│") for line in result.out.splitlines() if line.startswith(f"│ {part}")]
    return row[2].strip()


def test_nothing_is_wrong_with_a_fresh_installation_and_nothing_is_made(run: Run, tmp_path: Path) -> None:
    examined = run("doctor")
    assert examined.code == 0
    assert {state_of(examined, part) for part in ("settings", "data directory", "database")} == {"ok"}
    assert {state_of(examined, part) for part in ("signing keys", "redis")} == {"ok"}
    assert {state_of(examined, part) for part in ("variables", "proxies")} == {"ok"}
    assert not (tmp_path / "data").exists()


def test_nothing_is_wrong_with_a_used_installation(run: Run) -> None:
    run("token", "issue", "--user", "bob")
    examined = run("doctor")
    assert (examined.code, state_of(examined, "database")) == (0, "ok")
    assert state_of(examined, "signing keys") == "ok"


def test_gateway_with_other_keys_is_found(run: Run, tmp_path: Path) -> None:
    run("token", "issue", "--user", "bob")
    with contextlib.closing(sqlite3.connect(tmp_path / "data" / "gateway.db")) as database:
        database.execute("INSERT INTO signing_keys_in_use VALUES ('elsewhere', datetime('now'))")
        database.commit()
    examined = run("doctor")
    assert (examined.code, state_of(examined, "signing keys")) == (1, "wrong")
    assert "signs tokens with elsewhere, which is not in" in " ".join(examined.out.split())


def test_wrong_setting_is_found(run: Run) -> None:
    examined = run("doctor", GATEWAY_DRAIN_SECONDS="s3cret")
    assert (examined.code, state_of(examined, "settings")) == (1, "wrong")
    assert "GATEWAY_DRAIN_SECONDS" in examined.out
    assert "s3cret" not in examined.out + examined.err


def test_a_list_that_is_not_written_as_one_is_explained(run: Run) -> None:
    examined = run("doctor", GATEWAY_ENGINE__SHARED_SYSTEM_PROMPTS="hello")
    named = "GATEWAY_ENGINE__SHARED_SYSTEM_PROMPTS is not valid: a list is written as ["
    assert named in examined.out
    assert "hello" not in examined.out


def test_a_list_in_single_quotes_is_explained(run: Run) -> None:
    for value in ("[{'url': 's3cret'}]", "['s3cret']"):
        examined = run("doctor", GATEWAY_REMOTE__ENDPOINTS=value)
        assert "GATEWAY_REMOTE__ENDPOINTS is not valid: JSON needs double quotes." in examined.out
        assert "s3cret" not in examined.out


@pytest.mark.parametrize("section", ["LIMITS", "AUTH"])
def test_text_in_the_place_of_a_section_is_found(run: Run, section: str) -> None:
    examined = run("doctor", **{f"GATEWAY_{section}": "s3cret"})
    assert (examined.code, state_of(examined, "settings")) == (1, "wrong")
    assert f"GATEWAY_{section}__NAME" in examined.out
    assert "s3cret" not in examined.out + examined.err


def test_network_that_is_none_is_found_and_not_quoted(run: Run) -> None:
    examined = run("doctor", GATEWAY_METRICS_NETWORKS="127.0.0.0/8,s3cret")
    assert (examined.code, state_of(examined, "settings")) == (1, "wrong")
    assert "GATEWAY_METRICS_NETWORKS is not valid: write networks like 10.0.0.0/8" in examined.out
    assert "s3cret" not in examined.out + examined.err


def test_origins_of_web_pages_are_told(run: Run) -> None:
    closed = run("doctor")
    assert state_of(closed, "web pages") == "ok"
    listed = run("doctor", GATEWAY_CORS_ORIGINS="https://app.example.com")
    assert state_of(listed, "web pages") == "ok"
    assert "https://app.example.com may call" in " ".join(listed.out.split())
    assert state_of(run("doctor", GATEWAY_CORS_ORIGINS="*"), "web pages") == "warning"


def test_names_that_set_nothing_are_found_in_the_environment_and_the_file(run: Run, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("GATEWAY_REDISURL=s3cret\nOTHER=x\nGATEWAY_LIMITS__DAILY_TOKENS=5\n")
    names = {"GATEWAY_LIMITS_DAILY_TOKENS": "s3cret", "GATEWAY_MODLE": "s3cret", "GATEWAY_MODEL__X": "s3cret"}
    examined = run("doctor", **names)
    assert (examined.code, state_of(examined, "variables")) == (0, "warning")
    listed = ", ".join(sorted({*names, "GATEWAY_REDISURL"}))
    assert f"{listed}: no setting has that name" in examined.out
    assert "s3cret" not in examined.out + examined.err


@pytest.mark.parametrize("readers", ["0.0.0.0/0", "::/0", "203.0.113.0/24"])
def test_metrics_that_strangers_may_read_are_found(run: Run, readers: str) -> None:
    examined = run("doctor", GATEWAY_METRICS_NETWORKS=f"127.0.0.0/8,{readers}")
    assert (examined.code, state_of(examined, "metrics")) == (0, "warning")


@pytest.mark.parametrize("believed", ["*", "10.0.0.1, 0.0.0.0/0"])
def test_belief_in_every_proxy_is_found(run: Run, believed: str) -> None:
    examined = run("doctor", GATEWAY_FORWARDED_ALLOW_IPS=believed)
    assert (examined.code, state_of(examined, "proxies")) == (0, "warning")


@pytest.mark.parametrize(
    ("part", "setting", "value"),
    [
        ("database", "GATEWAY_DATABASE_URL", "postgresql://gateway:s3cret@127.0.0.1:1/x"),
        ("redis", "GATEWAY_REDIS_URL", "redis://:s3cret@127.0.0.1:1/0"),
        ("data directory", "GATEWAY_DATA_DIR", "file/data"),
        ("model", "GATEWAY_MODEL", "."),
        ("model", "GATEWAY_MODEL", "/nowhere/at/all"),
        ("model", "GATEWAY_DEVICES", "gpu"),
        ("speech recognition", "GATEWAY_SPEECH_RECOGNITION_MODEL", "."),
    ],
)
def test_part_that_is_wrong_is_found_and_no_secret_shown(
    run: Run, tmp_path: Path, part: str, setting: str, value: str
) -> None:
    (tmp_path / "file").touch()
    examined = run("doctor", **{"GATEWAY_BACKEND": "in_process", setting: value})
    assert (examined.code, state_of(examined, part)) == (1, "wrong")
    assert "s3cret" not in examined.out + examined.err


@pytest.mark.parametrize(
    ("host", "reason"),
    [("127.0.0.1:1", "nothing listens there"), ("redis.invalid", "there is no host with that name")],
)
def test_why_redis_cannot_be_reached_is_told(run: Run, host: str, reason: str) -> None:
    examined = run("doctor", GATEWAY_REDIS_URL=f"redis://:s3cret@{host}")
    assert state_of(examined, "redis") == "wrong"
    assert reason in examined.out


def test_key_that_others_can_read_is_found(run: Run, tmp_path: Path) -> None:
    run("token", "issue", "--user", "bob")
    (key,) = (tmp_path / "data" / "keys").glob("*.json")
    os.chmod(key, 0o644)
    examined = run("doctor")
    assert (examined.code, state_of(examined, "signing keys")) == (1, "wrong")


@pytest.mark.servers
def test_servers_that_answer_are_found(run: Run, redis_url: str, postgres_url: str) -> None:
    servers = {"GATEWAY_REDIS_URL": redis_url, "GATEWAY_DATABASE_URL": postgres_url}
    before = run("doctor", **servers)
    assert (state_of(before, "redis"), state_of(before, "database")) == ("ok", "wrong")
    assert "gateway db upgrade" in before.out
    run("db", "upgrade", **servers)
    after = run("doctor", **servers)
    assert (after.code, state_of(after, "database")) == (0, "ok")
    for url in (redis_url, postgres_url):
        password = url.split(":")[2].split("@")[0]
        assert password not in after.out


@pytest.mark.servers
def test_redis_that_refuses_the_password_is_found(run: Run, redis_url: str) -> None:
    examined = run("doctor", GATEWAY_REDIS_URL=redis_url.replace("redis://:", "redis://:not-"))
    assert (examined.code, state_of(examined, "redis")) == (1, "wrong")
    assert "password is refused" in examined.out


class Collector(BaseHTTPRequestHandler):
    """Takes traces from whoever sends the right header, and only those that are a message."""

    def do_POST(self) -> None:
        sent = self.rfile.read(int(self.headers["Content-Length"]))
        ExportTraceServiceRequest.FromString(sent)
        is_known = self.path == "/s3cret/v1/traces" and self.headers["key"] == "s3cret"
        self.send_response(200 if is_known else 401)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing is printed."""


@pytest.fixture
def collector_url() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Collector) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_telemetry_is_off_by_default(run: Run) -> None:
    assert "nothing is sent" in run("doctor").out


@pytest.mark.parametrize(
    ("key", "code", "state", "sentence"),
    [("s3cret", 0, "ok", "traces and metrics go to"), ("s3cret2", 1, "wrong", "refuses the headers")],
)
def test_collector_is_asked_whether_it_takes_traces(
    run: Run, collector_url: str, key: str, code: int, state: str, sentence: str
) -> None:
    headers = f"key={key}"
    examined = run(
        "doctor", GATEWAY_TELEMETRY__ENDPOINT=f"{collector_url}/s3cret/", GATEWAY_TELEMETRY__HEADERS=headers
    )
    assert (examined.code, state_of(examined, "telemetry")) == (code, state)
    assert sentence in " ".join(examined.out.split())
    assert collector_url in examined.out
    assert "s3cret" not in examined.out + examined.err


def test_proxy_of_the_environment_does_not_get_the_headers(run: Run, collector_url: str) -> None:
    examined = run(
        "doctor",
        HTTP_PROXY=f"http://127.0.0.1:{free_port()}",
        GATEWAY_TELEMETRY__ENDPOINT=f"{collector_url}/s3cret",
        GATEWAY_TELEMETRY__HEADERS="key=s3cret",
    )
    assert state_of(examined, "telemetry") == "ok"


def test_missing_file_of_trusted_certificates_is_found(run: Run) -> None:
    examined = run(
        "doctor",
        GATEWAY_TELEMETRY__ENDPOINT="https://127.0.0.1:1",
        GATEWAY_TELEMETRY__CA_FILE="/nowhere.pem",
    )
    assert (examined.code, state_of(examined, "telemetry")) == (1, "wrong")
    failed = run(
        "serve",
        "--port",
        "0",
        GATEWAY_TELEMETRY__ENDPOINT="https://127.0.0.1:1",
        GATEWAY_TELEMETRY__CA_FILE="/nowhere.pem",
    )
    assert failed.code == 1


def test_collector_that_cannot_be_reached_is_found(run: Run) -> None:
    examined = run("doctor", GATEWAY_TELEMETRY__ENDPOINT=f"http://127.0.0.1:{free_port()}/s3cret")
    assert (examined.code, state_of(examined, "telemetry")) == (0, "warning")
    assert "cannot be reached" in " ".join(examined.out.split())
    assert "s3cret" not in examined.out + examined.err


def test_secret_headers_in_the_clear_are_found(run: Run) -> None:
    found = run(
        "doctor",
        GATEWAY_TELEMETRY__ENDPOINT="http://collector:4318",
        GATEWAY_TELEMETRY__HEADERS="key=s3cret",
    )
    assert (found.code, state_of(found, "telemetry")) == (0, "warning")
    assert "unencrypted" in " ".join(found.out.split())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ENDPOINT", "collector:4318"),
        ("ENDPOINT", "https://user:s3cret@collector:4318"),
        ("ENDPOINT", "https://collector:4318/?key=s3cret"),
        ("HEADERS", "s3cret"),
        ("HEADERS", "key=s3cret\nother: header"),
    ],
)
def test_address_and_headers_of_telemetry_are_checked(run: Run, name: str, value: str) -> None:
    examined = run("doctor", **{f"GATEWAY_TELEMETRY__{name}": value})
    assert (examined.code, state_of(examined, "settings")) == (1, "wrong")
    assert f"GATEWAY_TELEMETRY__{name} is not valid" in examined.out
    assert "s3cret" not in examined.out + examined.err


def test_an_engine_that_cannot_serve_is_found_and_its_key_is_not_shown(run: Run) -> None:
    endpoints = '[{"url": "http://127.0.0.1:9", "key": "key-s3cret"}]'
    examined = run("doctor", GATEWAY_BACKEND="remote", GATEWAY_REMOTE__ENDPOINTS=endpoints)
    assert (examined.code, state_of(examined, "engine")) == (1, "wrong")
    assert "http://127.0.0.1:9: it cannot be reached: nothing listens there" in examined.out
    assert examined.err == ""
    assert "recordings are refused" in examined.out
    assert "s3cret" not in examined.out + examined.err
    endpoints = '[{"url": "http://127.0.0.1:9", "api_key": "key-s3cret"}]'
    wrong = run("doctor", GATEWAY_BACKEND="remote", GATEWAY_REMOTE__ENDPOINTS=endpoints)
    assert "ENDPOINTS is not valid: api_key: no member has that name; the nearest is key." in wrong.out
    assert "s3cret" not in wrong.out + wrong.err
    endpoints = '["http://127.0.0.1:9"]'
    listens = {"GATEWAY_REMOTE__TRANSCRIPTION_ENDPOINTS": '[{"url": "http://127.0.0.1:7"}]'}
    examined = run("doctor", GATEWAY_BACKEND="remote", GATEWAY_REMOTE__ENDPOINTS=endpoints, **listens)
    assert "http://127.0.0.1:7" in examined.out
    assert "/v1/audio/transcriptions" in examined.out


@pytest.mark.anyio
async def test_a_model_that_an_engine_serves_but_does_not_list_is_a_warning(run: Run) -> None:
    async with engine_server() as engine:
        endpoints = json.dumps([{"url": engine.url, "model": "not-listed"}])
        settings = {"GATEWAY_BACKEND": "remote", "GATEWAY_REMOTE__ENDPOINTS": endpoints}
        examined = await asyncio.to_thread(run, "doctor", **settings)
    assert (examined.code, state_of(examined, "engine")) == (0, "warning")
    assert "does not list the model not-listed, but canned; a request for it succeeds" in examined.out
