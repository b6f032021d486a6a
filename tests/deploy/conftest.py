"""What ships in `deploy/` and docker-compose.yml, read by the programs that will read it."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from testbed.servers import MissingServer, find_program

from ..conftest import leave_out
from .dockerfile import Stage, read_stages

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"

FindProgram = Callable[[str, str], str]


@pytest.fixture(scope="session")
def program() -> FindProgram:
    """The path of a program, installed beside Python or by a Debian package; the test is left out without."""

    def find(name: str, package: str) -> str:
        beside = Path(sys.executable).with_name(name)
        try:
            return str(beside) if beside.exists() else find_program(name, package)
        except MissingServer as error:
            leave_out(error)
            raise

    return find


@pytest.fixture
def secrets_dir(program: FindProgram, tmp_path: Path) -> Path:
    """What deploy/make-secrets makes, for `localhost`."""
    program("openssl", "openssl")
    shutil.copy(DEPLOY / "make-secrets", tmp_path)
    subprocess.run([tmp_path / "make-secrets"], check=True, capture_output=True)
    return tmp_path / "secrets"


@pytest.fixture(scope="session")
def compose_config(program: FindProgram) -> Callable[..., dict[str, Any]]:
    """docker-compose.yml as Docker Compose itself understands it; keywords are the shell's variables."""

    @cache
    def config(*profiles: str, directory: Path = ROOT, **variables: str) -> dict[str, Any]:
        file = directory / "docker-compose.yml"
        command = [program("docker-compose", "docker-compose"), "--file", str(file)]
        for profile in profiles:
            command += ["--profile", profile]
        environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent"} | variables
        done = subprocess.run(
            [*command, "--env-file", os.devnull, "config", "--format", "json"],
            env=environment,
            capture_output=True,
            text=True,
        )
        assert (done.returncode, done.stderr) == (0, "")
        document: dict[str, Any] = json.loads(done.stdout)
        return document

    return config


@pytest.fixture(scope="session")
def services(compose_config: Callable[..., dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Every service, of every profile."""
    every: dict[str, dict[str, Any]] = compose_config("gpu", "engine", "observability")["services"]
    return every


@pytest.fixture(scope="session")
def stages() -> dict[str, Stage]:
    return read_stages()


@pytest.fixture(scope="session")
def installed(stages: dict[str, Stage], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package, built from what the image's build is given and nothing else, and installed."""
    place = tmp_path_factory.mktemp("image")
    source = place / "source"
    source.mkdir()
    for name in stages["wheel"].sources:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        elif not name.startswith("deploy/"):
            shutil.copy(ROOT / name, source)
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--no-input"]
    build = [*pip, "wheel", "--no-deps", "--no-index", "--no-build-isolation", "--wheel-dir", place, source]
    subprocess.run(build, check=True, capture_output=True, text=True)
    (wheel,) = place.glob("*.whl")
    install = [*pip, "install", "--no-deps", "--no-index", "--target", place / "installed", wheel]
    subprocess.run(install, check=True, capture_output=True, text=True)
    return place / "installed"


@pytest.fixture(scope="session")
def unshare(program: FindProgram) -> str:
    """Skips where the system permits no namespaces of a user's own, except in continuous integration."""
    path = program("unshare", "util-linux")
    probe = subprocess.run([path, "--map-root-user", "--mount", "true"], capture_output=True, text=True)
    if probe.returncode != 0:
        reason = f"this system permits no namespaces of a user's own: {probe.stderr}"
        if os.environ.get("CI", "").lower() == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return path
