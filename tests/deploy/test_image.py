"""deploy/Dockerfile, walked through without a container: its linter, its pins, the package it installs."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tomllib
from collections.abc import Callable
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import httpx
import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from ..servers import free_port
from .conftest import DEPLOY, ROOT, FindProgram
from .dockerfile import Stage, read_stages

SECONDS = 60
PAUSE_SECONDS = 0.5  # between two looks whether it is healthy
USER = "10001"
# A user's own file system, where nothing but $DATA can be written, and that user in it.
CONTAIN = f"""
mount --bind "$DATA" "$DATA" && mount --options remount,bind,ro / &&
exec unshare --user --map-user {USER} --map-group {USER} "$@"
"""


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


@pytest.fixture
def environment(stages: dict[str, Stage], installed: Path, tmp_path: Path) -> dict[str, str]:
    """The image's own, with its data directory in another place."""
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    image = {
        name: value.replace("/var/lib/gateway", str(data))
        for name, value in stages["runtime"].environment.items()
    }
    path = f"{installed / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    return image | {"PATH": path, "PYTHONPATH": str(installed), "DATA": str(data), "HOME": str(data)}


@pytest.fixture
def contain(program: FindProgram, environment: dict[str, str]) -> Callable[..., list[str]]:
    """The command, run as the image's user on a read-only root file system."""
    unshare = program("unshare", "util-linux")

    def contained(*command: str) -> list[str]:
        return [unshare, "--map-root-user", "--mount", "/bin/sh", "-c", CONTAIN, "sh", *command]

    probe = subprocess.run(contained("true"), env=environment, capture_output=True, text=True)
    if probe.returncode != 0:
        reason = f"this system permits no namespaces of a user's own: {probe.stderr}"
        if os.environ.get("CI", "").lower() == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return contained


def test_linter_of_dockerfiles_finds_nothing(program: FindProgram) -> None:
    hadolint = program("hadolint", "hadolint")
    done = subprocess.run([hadolint, DEPLOY / "Dockerfile"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


def test_linter_of_shell_scripts_finds_nothing(program: FindProgram) -> None:
    command = [program("shellcheck", "shellcheck"), DEPLOY / "make-secrets", DEPLOY / "lock"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


def test_both_targets_run_as_one_user_who_is_not_root(stages: dict[str, Stage]) -> None:
    assert stages["runtime"].last("USER") == f"{USER}:{USER}"
    assert stages["cuda"].last("USER") == f"{USER}:{USER}"
    assert stages["cuda"].base == stages["cpu"].base == "runtime"
    assert "USER" not in dict(stages["cpu"].instructions)
    assert list(stages)[-1] == "cpu"


def test_base_images_and_files_of_versions_are_those_of_one_python(stages: dict[str, Stage]) -> None:
    bases = {stage.base for stage in stages.values()} - stages.keys()
    assert len(bases) == 1
    assert re.fullmatch(r"python:3\.11\.\d+-slim-bookworm", bases.pop())
    assert "python=3.11 " in (DEPLOY / "lock").read_text()


def test_build_is_given_what_it_copies_and_no_more(stages: dict[str, Stage]) -> None:
    admitted = {line.strip().lstrip("!") for line in (ROOT / ".dockerignore").read_text().splitlines()}
    copied = {name.rstrip("/") for stage in stages.values() for name in stage.sources}
    assert {name for name in copied if not name.startswith("deploy/")} < admitted
    for name in copied:
        assert (ROOT / name).exists(), name


def pins(name: str) -> dict[str, list[Requirement]]:
    """By package; more than one where it depends on the system or on Python."""
    found: dict[str, list[Requirement]] = {}
    for line in (DEPLOY / name).read_text().splitlines():
        if line[:1].isalpha():
            requirement = Requirement(line.removesuffix("\\").strip())
            found.setdefault(requirement.name, []).append(requirement)
    return found


def test_every_dependency_is_pinned_within_its_bounds() -> None:
    """Otherwise run deploy/lock."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    extras = project["project"]["optional-dependencies"]
    pinned = pins("requirements.txt") | pins("requirements-build.txt") | pins("requirements-cuda.txt")
    declared = project["project"]["dependencies"] + extras["inference"] + extras["otel"]
    for line in declared + project["build-system"]["requires"]:
        wanted = Requirement(line)
        for pin in pinned[wanted.name]:
            (version,) = pin.specifier
            assert version.operator == "=="
            assert wanted.specifier.contains(version.version), line


def test_every_pin_has_hashes_but_the_one_whose_index_is_its_own() -> None:
    for name in ("requirements.txt", "requirements-build.txt", "requirements-cuda.txt"):
        lines = (DEPLOY / name).read_text().splitlines()
        for line, following in pairwise(lines):
            if line[:1].isalpha():
                assert following.strip().startswith("--hash=sha256:"), line
    (cuda,), (cpu,) = pins("requirements-cuda.txt")["torch"], pins("requirements-cpu.txt")["torch"]
    versions = [Version(str(pin.specifier).removeprefix("==")) for pin in (cuda, cpu)]
    assert versions[0].release == versions[1].release
    assert versions[1].local == "cpu"


def test_installed_package_has_migrations_samples_and_model(installed: Path) -> None:
    program = """
from app.shipped_files import shipped_directory
from inference.config import EMBEDDED_MODEL
print(shipped_directory("alembic"), shipped_directory("samples"), EMBEDDED_MODEL)
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": str(installed)},
        cwd="/",
        capture_output=True,
        text=True,
        check=True,
    )
    alembic, samples, model = map(Path, done.stdout.split())
    assert (alembic / "env.py").is_file()
    assert list((alembic / "versions").glob("*.py"))
    assert {path.name for path in samples.iterdir()} >= {"photo.jpg", "voice.m4a"}
    assert (model / "model.safetensors").is_file()
    assert {path.is_relative_to(installed) for path in (alembic, samples, model)} == {True}


def test_image_serves_as_its_user_on_a_read_only_root(
    stages: dict[str, Stage],
    contain: Callable[..., list[str]],
    installed: Path,
    environment: dict[str, str],
    tmp_path: Path,
) -> None:
    """From an empty data directory to an answer of the embedded model."""
    runtime, port = stages["runtime"], free_port()

    def run(*command: str) -> str:
        done = subprocess.run(
            contain(*command), env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=SECONDS
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    assert run("id", "-u") == USER
    forbidden = subprocess.run(contain("touch", str(installed / "app" / "x")), env=environment)
    assert forbidden.returncode != 0

    (entrypoint,) = runtime.command("ENTRYPOINT")
    run(entrypoint, "db", "upgrade")
    run(entrypoint, "keys", "rotate", "--if-none")
    run(entrypoint, "user", "create", "alice")
    token = run(entrypoint, "token", "issue", "--user", "alice")

    arguments = [word.replace("8000", str(port)) for word in runtime.command("CMD")]
    server = subprocess.Popen(contain(entrypoint, *arguments), env=environment, cwd=tmp_path)
    try:
        health = [word.replace(":8000", f":{port}") for word in runtime.command("HEALTHCHECK")]
        while subprocess.run(health, env=environment, capture_output=True).returncode != 0:
            with suppress(subprocess.TimeoutExpired):
                pytest.fail(f"it ended with {server.wait(PAUSE_SECONDS)}")
        answer = httpx.post(
            f"http://127.0.0.1:{port}/chat",
            headers={"Authorization": f"Bearer {token}"},
            json={"prompt": "hi", "max_tokens": 4},
            timeout=SECONDS,
        )
        assert answer.status_code == 200
        server.send_signal(signal.SIGTERM)
        assert server.wait(SECONDS) == 0
    finally:
        server.kill()
        server.wait()
