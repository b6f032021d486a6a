"""What `make` says before there is a Python to say it."""

import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "find-python"


@pytest.fixture
def find_python(tmp_path):
    """Runs the script where nothing but the given interpreters is on the PATH."""

    def find(interpreters: dict[str, str], **environment: str) -> subprocess.CompletedProcess[str]:
        for name, script in interpreters.items():
            program = tmp_path / name
            program.write_text(f"#!/bin/sh\n{script}\n")
            program.chmod(0o755)
        return subprocess.run(
            ["/bin/sh", str(SCRIPT)],
            env={"PATH": str(tmp_path), **environment},
            capture_output=True,
            text=True,
        )

    return find


def python(version: str, *, has_venv: bool = True) -> str:
    """A shell script that answers the three questions that are asked of a Python."""
    major, minor = version.split(".")
    is_old = (int(major), int(minor)) < (3, 11)
    return f"""case "$2" in
    *print*) echo {version} ;;
    *ensurepip*) exit {0 if has_venv else 1} ;;
    *) exit {1 if is_old else 0} ;;
esac"""


def test_a_suitable_python_is_printed(find_python, tmp_path):
    result = find_python({"python3": python("3.11")})
    assert (result.returncode, result.stdout.strip()) == (0, str(tmp_path / "python3"))


def test_an_old_one_is_passed_over_for_a_newer_one(find_python, tmp_path):
    result = find_python({"python3": python("3.9"), "python3.12": python("3.12")})
    assert (result.returncode, result.stdout.strip()) == (0, str(tmp_path / "python3.12"))


def test_one_that_is_named_is_the_only_one_asked(find_python, tmp_path):
    interpreters = {"python3": python("3.12"), "mine": python("3.13")}
    result = find_python(interpreters, PYTHON=str(tmp_path / "mine"))
    assert result.stdout.strip() == str(tmp_path / "mine")


@pytest.mark.parametrize(
    ("interpreters", "says"),
    [
        ({}, "apt-get install python3 python3-venv"),
        ({"python3": python("3.9")}, "but python3 is 3.9: install a newer one"),
        ({"python3": "exit 127"}, "Python 3.11 or newer is needed"),
        ({"python3": python("3.11", has_venv=False)}, "apt-get install python3.11-venv"),
    ],
)
def test_one_sentence_says_what_to_install(find_python, interpreters, says):
    result = find_python(interpreters)
    assert (result.returncode, result.stdout) == (1, "")
    assert says in result.stderr
    assert len(result.stderr.splitlines()) == 1
