"""Clients for the tests are installed once, and what cannot be installed is named."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LISTS = (
    "tests/app/clients/requirements.txt",
    "tests/app/clients/requirements-instructor.txt",
    "tests/app/clients/requirements-agents.txt",
    "tests/app/clients/node/package.json",
    "tests/app/quickstart/kotlin/package.json",
    "pyproject.toml",
    "tests/inference/backends/remote/engines/requirements-vllm.txt",
)
# Makes an environment whose python does nothing.
PYTHON = (
    '[ "$2" = venv ] || exit 0; '
    'mkdir -p "$3/bin" && printf "#!/bin/sh\\nexit 0\\n" >"$3/bin/python" && chmod +x "$3/bin/python"'
)


@pytest.fixture
def install(tmp_path):
    """Runs a copy of the script with the given npm and Python in a copy of its surroundings."""
    for name in ("scripts/install-test-clients", *LISTS):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)

    def run(*arguments: str, npm: str = "exit 0", python: str = PYTHON) -> subprocess.CompletedProcess[str]:
        for name, script in {".venv/bin/python": python, "bin/npm": npm}.items():
            program = tmp_path / name
            program.parent.mkdir(parents=True, exist_ok=True)
            program.write_text(f"#!/bin/sh\n{script}\n")
            program.chmod(0o755)
        return subprocess.run(
            ["/bin/sh", tmp_path / "scripts" / "install-test-clients", *arguments],
            env={"PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin"},
            capture_output=True,
            text=True,
        )

    return run


def test_clients_are_installed_once(install, tmp_path):
    first = install()
    assert (first.returncode, first.stderr) == (0, "")
    assert all(
        name in first.stdout for name in ("requirements.txt", "requirements-instructor.txt", "node", "kotlin")
    )
    for name in ("python", "instructor", "node", "kotlin", "plain", "engine", "llama", "kubernetes"):
        assert (tmp_path / ".clients" / name / ".installed").is_file()
    second = install(npm="exit 1", python="exit 1")
    assert (second.returncode, second.stdout, second.stderr) == (0, "", "")


def test_vllm_is_installed_where_that_is_asked_for(install, tmp_path):
    assert not (tmp_path / ".clients" / "vllm").exists()
    packages = tmp_path / ".venv" / "lib" / "python3.11" / "site-packages"
    (packages / "torch").mkdir(parents=True)
    (tmp_path / ".clients" / "vllm").mkdir(parents=True)
    makes_packages = PYTHON + ' && mkdir -p "$3/lib/python3.11/site-packages"'
    asked = install("vllm", python=makes_packages)
    assert (asked.returncode, asked.stderr) == (0, "")
    assert (tmp_path / ".clients" / "vllm" / ".installed").is_file()
    link = tmp_path / ".clients" / "vllm" / "lib" / "python3.11" / "site-packages" / "torch"
    assert link.resolve() == packages / "torch"


def test_ray_is_installed_where_that_is_asked_for_and_sees_the_packages_of_the_tests(install, tmp_path):
    assert not (tmp_path / ".clients" / "ray").exists()
    own, tests = tmp_path / "own", tmp_path / "tests"
    own.mkdir()
    prints_its_packages = (
        f'[ "$1" != -c ] || {{ echo {tests}; exit; }}; [ "$2" = venv ] || exit 0; mkdir -p "$3/bin" && '
        f'printf "#!/bin/sh\\n[ \\$1 != -c ] || echo {own}\\n" >"$3/bin/python" && chmod +x "$3/bin/python"'
    )
    asked = install("ray", python=prints_its_packages)
    assert (asked.returncode, asked.stderr) == (0, "")
    assert (tmp_path / ".clients" / "ray" / ".installed").is_file()
    assert not (tmp_path / ".clients" / "vllm").exists()
    assert (own / "tests.pth").read_text() == f"import site; site.addsitedir('{tests}')\n"


def test_other_names_are_refused_before_anything_is_installed(install, tmp_path):
    refused = install("rya")
    assert refused.returncode == 2
    assert "rya" in refused.stderr
    assert not (tmp_path / ".clients").exists()


def test_changed_list_is_installed_again(install, tmp_path):
    install()
    requirements = tmp_path / LISTS[1]
    requirements.unlink()
    shutil.copyfile(ROOT / LISTS[1], requirements)
    stamp = tmp_path / ".clients" / "instructor" / ".installed"
    later = stamp.stat().st_mtime + 10
    os.utime(requirements, (later, later))
    again = install()
    assert "requirements-instructor.txt" in again.stdout
    assert "requirements.txt" not in again.stdout


def test_clients_that_cannot_be_installed_are_named(install, tmp_path):
    failed = install(npm="exit 1")
    assert failed.returncode == 0
    assert failed.stderr == (
        "Left out: the tests of the clients in tests/app/clients/node/package.json "
        "tests/app/quickstart/kotlin/package.json, which could not be installed, as it says above.\n"
    )
    assert not (tmp_path / ".clients" / "node" / ".installed").exists()
    assert (tmp_path / ".clients" / "python" / ".installed").is_file()
