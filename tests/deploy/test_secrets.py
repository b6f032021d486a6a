"""deploy/make-secrets, and the servers that are given what it makes."""

import os
import shutil
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest

from app.settings import Settings

from .conftest import DEPLOY

MADE = {
    *("postgres_password", "gateway_database_url", "redis_auth", "gateway_redis_url"),
    *("grafana_admin_password", "tls_key", "tls_certificate"),
}


def contents(directory: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in directory.iterdir()}


def test_everything_that_compose_names_is_made(
    secrets_dir: Path, services: dict[str, dict[str, Any]]
) -> None:
    needed = {secret["source"] for service in services.values() for secret in service.get("secrets", ())}
    assert needed == contents(secrets_dir).keys() == MADE


def test_nobody_else_gets_that_far_but_containers_may_read(secrets_dir: Path) -> None:
    assert stat.S_IMODE(secrets_dir.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in secrets_dir.iterdir()} == {0o444}


def test_what_is_there_is_left_alone_and_the_rest_fits_it(secrets_dir: Path) -> None:
    before = contents(secrets_dir)
    for name in ("redis_auth", "gateway_database_url"):
        (secrets_dir / name).unlink()
    done = subprocess.run([secrets_dir.with_name("make-secrets")], capture_output=True, text=True, check=True)
    after = contents(secrets_dir)
    assert done.stdout.splitlines() == [
        f"made deploy/secrets/{name}" for name in ("gateway_database_url", "redis_auth")
    ]
    assert after.pop("redis_auth") != before.pop("redis_auth")  # never the same twice
    assert after == before


def test_no_secret_is_empty_where_chance_fails(tmp_path: Path) -> None:
    failing = tmp_path / "bin" / "openssl"
    failing.parent.mkdir()
    failing.write_text("#!/bin/sh\nexit 1\n")
    failing.chmod(0o755)
    script = shutil.copy(DEPLOY / "make-secrets", tmp_path)
    environment = {"PATH": f"{failing.parent}:{os.environ['PATH']}"}
    done = subprocess.run([script], env=environment, capture_output=True, text=True)
    assert done.returncode != 0
    assert [path.name for path in (tmp_path / "secrets").iterdir() if path.name in MADE] == []


def test_host_that_is_none_is_refused(secrets_dir: Path) -> None:
    done = subprocess.run([secrets_dir.with_name("make-secrets"), "/CN=x"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")


def test_production_accepts_them(secrets_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_SECRETS_DIR", str(secrets_dir))
    settings = Settings(_env_file=None, env="production", auth={"keys_dir": secrets_dir})
    made = contents(secrets_dir)
    assert settings.effective_database_url.startswith("postgresql://gateway:")
    assert made["postgres_password"].strip() in settings.effective_database_url
    assert settings.redis_url is not None
