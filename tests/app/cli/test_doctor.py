"""What `gateway doctor` finds, and what it keeps to itself."""

import os
from pathlib import Path

import pytest

from tests.app.cli.conftest import Result, Run


def state_of(result: Result, part: str) -> str:
    (row,) = [line.split("│") for line in result.out.splitlines() if line.startswith(f"│ {part}")]
    return row[2].strip()


def test_nothing_is_wrong_with_a_fresh_installation_and_nothing_is_made(run: Run, tmp_path: Path) -> None:
    examined = run("doctor")
    assert examined.code == 0
    assert {state_of(examined, part) for part in ("settings", "data directory", "database")} == {"ok"}
    assert {state_of(examined, part) for part in ("signing keys", "redis")} == {"ok"}
    assert not (tmp_path / "data").exists()


def test_nothing_is_wrong_with_a_used_installation(run: Run) -> None:
    run("token", "issue", "--user", "bob")
    examined = run("doctor")
    assert (examined.code, state_of(examined, "database")) == (0, "ok")
    assert state_of(examined, "signing keys") == "ok"


def test_wrong_setting_is_found(run: Run) -> None:
    examined = run("doctor", GATEWAY_DRAIN_SECONDS="s3cret")
    assert (examined.code, state_of(examined, "settings")) == (1, "wrong")
    assert "GATEWAY_DRAIN_SECONDS" in examined.out
    assert "s3cret" not in examined.out + examined.err


@pytest.mark.parametrize(
    ("part", "setting", "value"),
    [
        ("database", "GATEWAY_DATABASE_URL", "postgresql://gateway:s3cret@127.0.0.1:1/x"),
        ("redis", "GATEWAY_REDIS_URL", "redis://:s3cret@127.0.0.1:1/0"),
        ("data directory", "GATEWAY_DATA_DIR", "file/data"),
        ("model", "GATEWAY_MODEL", "."),
    ],
)
def test_part_that_is_wrong_is_found_and_no_secret_shown(
    run: Run, tmp_path: Path, part: str, setting: str, value: str
) -> None:
    (tmp_path / "file").touch()
    examined = run("doctor", **{"GATEWAY_BACKEND": "in_process", setting: value})
    assert (examined.code, state_of(examined, part)) == (1, "wrong")
    assert "s3cret" not in examined.out + examined.err


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
