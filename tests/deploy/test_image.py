"""deploy/Dockerfile and what it installs: its linter, its pins, the package."""

import re
import subprocess
import sys
import tomllib
from itertools import pairwise
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from .conftest import DEPLOY, ROOT, FindProgram
from .dockerfile import Stage

USER = "10001:10001"


def test_linter_of_dockerfiles_finds_nothing(program: FindProgram) -> None:
    hadolint = program("hadolint", "hadolint")
    done = subprocess.run([hadolint, DEPLOY / "Dockerfile"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


def test_linter_of_shell_scripts_finds_nothing(program: FindProgram) -> None:
    scripts = [DEPLOY / name for name in ("make-secrets", "lock", "ray/node", "ray/deploy")]
    command = [program("shellcheck", "shellcheck"), *scripts]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


def test_both_targets_run_as_one_user_who_is_not_root(stages: dict[str, Stage]) -> None:
    assert stages["runtime"].last("USER") == USER
    assert stages["cuda"].last("USER") == USER
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


def test_every_pin_has_hashes() -> None:
    files = [path.name for path in DEPLOY.glob("requirements*.txt")]
    assert len(files) == 4
    for name in files:
        lines = (DEPLOY / name).read_text().splitlines()
        pinned = [line for line in lines if line[:1].isalpha()]
        assert len(pinned) == sum(map(len, pins(name).values())) >= 1
        for line, following in pairwise([*lines, ""]):
            if line in pinned:
                assert re.fullmatch(r" +--hash=sha256:[0-9a-f]{64}( \\)?", following), (name, line)


def test_build_installs_nothing_without_its_hash(stages: dict[str, Stage]) -> None:
    runs = [rest for stage in stages.values() for name, rest in stage.instructions if name == "RUN"]
    installs = [line for run in runs for line in run.split("&&") if "pip install" in line]
    assert len([line for line in installs if "--requirement" in line]) == 4
    for line in installs:
        built_here = re.fullmatch(r"\s*pip install --no-deps /wheels/\*\.whl\s*", line)
        assert built_here or "--require-hashes" in line, line


def test_pytorch_of_both_targets_is_of_one_version() -> None:
    (cuda,), (cpu,) = pins("requirements-cuda.txt")["torch"], pins("requirements-cpu.txt")["torch"]
    versions = [Version(str(pin.specifier).removeprefix("==")) for pin in (cuda, cpu)]
    assert versions[0].release == versions[1].release
    assert versions[1].local == "cpu"


@pytest.mark.parametrize("package", ["app", "inference"])
def test_installed_package_has_every_file_of_the_source(installed: Path, package: str) -> None:
    """Scripts of Redis, the page's files and the model too, which no import would miss."""
    files = {
        path for path in (ROOT / package).rglob("*") if path.is_file() and "__pycache__" not in path.parts
    }
    assert {path for path in files if not (installed / path.relative_to(ROOT)).is_file()} == set()
    assert len(files) > 100


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
