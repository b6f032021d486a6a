"""Servers for the tests are installed where that is permitted, and never left out unseen."""

import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "install-test-servers"
PROGRAMS = (
    *("redis-server", "initdb", "chromium", "promtool", "systemd-analyze"),
    *("nginx", "h2load", "envsubst", "curl", "openssl"),
    *("javac", "node", "npm"),
)
# Prints the status that it is asked for; without that question it succeeds for every package that it knows.
STATUS_OF_EVERY_FONT = """[ "$2" = --showformat ] && [ "$3" = '${db:Status-Status}' ] && printf %s """
EVERYTHING = dict.fromkeys(PROGRAMS, "exit 0") | {"dpkg-query": STATUS_OF_EVERY_FONT + "installed"}


@pytest.fixture
def install(tmp_path):
    """Runs the script where nothing but the given programs is on the PATH."""

    def run(programs: dict[str, str], ci: str = "") -> subprocess.CompletedProcess[str]:
        for name, script in programs.items():
            program = tmp_path / name
            program.write_text(f"#!/bin/sh\n{script}\n")
            program.chmod(0o755)
        return subprocess.run(
            ["/bin/sh", str(SCRIPT)],
            env={"PATH": str(tmp_path), "CI": ci},
            capture_output=True,
            text=True,
        )

    return run


AS_ROOT = {"id": "echo 0", "env": 'shift; exec "$@"'}
AS_USER = {"id": "echo 1000"}
NO_REDIS = {name: script for name, script in EVERYTHING.items() if name != "redis-server"}


def test_nothing_is_installed_when_all_are_there(install):
    result = install(EVERYTHING | {"apt-get": "echo called"})
    assert (result.returncode, result.stdout) == (0, "")


def test_root_installs_what_is_missing(install):
    result = install({**NO_REDIS, "apt-get": 'echo "apt-get $*"', **AS_ROOT})
    assert result.returncode == 0
    assert "apt-get install -y -qq --no-install-recommends redis-server" in result.stdout


@pytest.mark.parametrize("status", ["not-installed", "config-files", "half-installed", ""])
def test_fonts_that_are_known_but_not_installed_are_installed(install, status):
    query = f'[ "$4" = fonts-inter ] && {{ printf %s "{status}"; exit; }}\n{EVERYTHING["dpkg-query"]}'
    result = install(EVERYTHING | {"dpkg-query": query, "apt-get": 'echo "apt-get $*"', **AS_ROOT})
    assert result.stdout.splitlines()[-1].endswith("--no-install-recommends fonts-inter")


def test_fonts_that_dpkg_has_never_heard_of_are_installed(install):
    query = f'[ "$4" = fonts-inter ] && exit 1\n{EVERYTHING["dpkg-query"]}'
    result = install(EVERYTHING | {"dpkg-query": query, "apt-get": 'echo "apt-get $*"', **AS_ROOT})
    assert result.stdout.splitlines()[-1].endswith("--no-install-recommends fonts-inter")


def test_lists_of_packages_are_fetched_when_the_first_attempt_fails(install, tmp_path):
    apt_get = f'[ "$1" = update ] && : >{tmp_path}/updated; [ -e {tmp_path}/updated ]'
    result = install({**NO_REDIS, "apt-get": apt_get, **AS_ROOT})
    assert result.returncode == 0


@pytest.mark.parametrize(
    ("programs", "why"),
    [
        ({}, "this system has no apt-get"),
        ({"apt-get": "exit 0", **AS_USER}, "apt-get needs root"),
        ({"apt-get": "exit 0", "sudo": "exit 1", **AS_USER}, "apt-get needs root"),
        ({"apt-get": "exit 100", **AS_ROOT}, "apt-get failed"),
    ],
)
def test_missing_servers_are_named_and_fail_only_in_continuous_integration(install, programs, why):
    at_home, in_ci = install({**NO_REDIS, **programs}), install(programs, ci="true")
    assert (at_home.returncode, in_ci.returncode) == (0, 1)
    assert why in at_home.stderr
    assert "need redis-server" in at_home.stderr
