"""deploy/systemd, read by systemd's own tools, and the settings and commands that are in it."""

import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest
import typer

from app.cli.application import application
from app.settings import Settings, unknown_variables

from .conftest import DEPLOY, FindProgram

UNITS = DEPLOY / "systemd"
UNIT = UNITS / "autoglm-gateway@.service"
GATEWAY = "/opt/autoglm-gateway/bin/gateway"
MAX_EXPOSURE = 2.0  # of 10; systemd calls up to 4 OK

UNKNOWN_BEFORE_254 = r"Unknown key (name )?'(RestartSteps|RestartMaxDelaySec)' in section .*, ignoring"
CALLS_OF_THE_SANDBOX = {
    *("landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self", "seccomp", "prctl"),
    *("clone", "clone3", "execve", "pidfd_open", "pidfd_send_signal", "waitid", "wait4", "kill"),
    *("memfd_create", "ftruncate", "fcntl", "mmap", "socketpair", "sendmsg", "recvmsg", "close_range"),
    *("sched_setscheduler", "sched_setattr", "setpriority", "prlimit64", "setrlimit", "ioprio_set"),
}

pytestmark = pytest.mark.servers


@pytest.fixture
def systemd_analyze(program: FindProgram) -> str:
    return program("systemd-analyze", "systemd")


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, str]:
    """That of gateway.env, with its directories in another place, and nothing else of ours."""
    for name in [name for name in os.environ if name.startswith("GATEWAY_")]:
        monkeypatch.delenv(name)
    lines = [line for line in (UNITS / "gateway.env").read_text().splitlines() if not line.startswith("#")]
    found = dict(line.split("=", 1) for line in lines)
    (tmp_path / "etc" / "autoglm-gateway" / "secrets").mkdir(parents=True)
    for name, value in found.items():
        found[name] = value.replace("/etc/", f"{tmp_path}/etc/").replace("/var/lib/", f"{tmp_path}/")
        monkeypatch.setenv(name, found[name])
    return found


def values(key: str) -> list[str]:
    return re.findall(rf"^{key}=(.*)$", UNIT.read_text(), re.MULTILINE)


def test_units_are_what_systemd_understands(systemd_analyze: str, tmp_path: Path) -> None:
    drop_ins = tmp_path / "autoglm-gateway@.service.d"
    drop_ins.mkdir()
    (drop_ins / "gpu.conf").write_text((UNITS / "gpu.conf").read_text())
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace(GATEWAY, "/bin/true"))  # it wants to see the program
    done = subprocess.run([systemd_analyze, "verify", "--man=no", unit], capture_output=True, text=True)
    said = [line for line in done.stderr.splitlines() if not re.search(UNKNOWN_BEFORE_254, line)]
    assert (done.returncode, said) == (0, [])


def test_service_is_started_again_however_often_it_ends() -> None:
    assert values("StartLimitIntervalSec") == ["0"]
    assert values("StartLimitBurst") == []
    assert values("Restart") == ["always"]
    (first,), (longest,) = values("RestartSec"), values("RestartMaxDelaySec")
    assert 1 <= int(first) < int(longest) <= 60
    assert int(*values("RestartSteps")) >= 4


def test_memory_and_threads_have_bounds_and_a_killed_child_does_not_end_the_service() -> None:
    assert values("OOMPolicy") == ["continue"]
    (high,), (most,) = values("MemoryHigh"), values("MemoryMax")
    assert 50 <= int(high.removesuffix("%")) < int(most.removesuffix("%")) <= 90
    assert values("MemorySwapMax") == ["0"]
    assert 1024 <= int(*values("TasksMax")) <= 8192
    assert values("LimitCORE") == ["0"], "a core file has prompts in it"


def test_children_that_decode_media_can_lock_themselves_in(systemd_analyze: str) -> None:
    done = subprocess.run([systemd_analyze, "syscall-filter", "--no-pager"], capture_output=True, text=True)
    members: dict[str, set[str]] = {}
    name = ""
    for line in done.stdout.splitlines():
        if line.startswith("@"):
            name = line.strip()
        elif line.startswith(" ") and not line.strip().startswith("#"):
            members.setdefault(name, set()).add(line.strip())

    def calls_of(word: str) -> set[str]:
        return set().union(*map(calls_of, members[word])) if word.startswith("@") else {word}

    filters = values("SystemCallFilter")
    assert not any(line.startswith("~") for line in filters)
    permitted = set().union(*(calls_of(word) for line in filters for word in line.split()))
    assert permitted >= CALLS_OF_THE_SANDBOX
    assert "AF_UNIX" in values("RestrictAddressFamilies")[0].split()
    assert values("RestrictRealtime") == ["yes"], "SCHED_BATCH and SCHED_IDLE are not among what it refuses"
    assert values("KillMode") == ["mixed"], (
        "SIGTERM is for the parent; what is left of the children is killed"
    )


def test_service_is_hardly_exposed(systemd_analyze: str) -> None:
    command = [systemd_analyze, "security", "--offline=yes", "--no-pager", UNIT]
    done = subprocess.run(command, capture_output=True, text=True)
    found = re.search(r"Overall exposure level for .*: ([\d.]+)", done.stdout)
    assert found is not None, done.stderr
    assert float(found[1]) <= MAX_EXPOSURE


def test_user_of_the_service_is_made(program: FindProgram) -> None:
    sysusers = program("systemd-sysusers", "systemd")
    done = subprocess.run([sysusers, "--dry-run", UNITS / "sysusers.conf"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert values("User") == values("Group") == ["autoglm-gateway"]
    assert re.search("^u autoglm-gateway ", (UNITS / "sysusers.conf").read_text(), re.MULTILINE)


def test_commands_are_those_of_the_command_line() -> None:
    commands = values("ExecStartPre") + values("ExecStart")
    assert len(commands) == 3
    for command in commands:
        program, *arguments = shlex.split(command.replace("%i", "8000"))
        assert program == GATEWAY
        found = typer.main.get_command(application)
        context = typer.Context(found)
        while hasattr(found, "commands"):
            found = found.commands[arguments.pop(0)]
        found.parse_args(typer.Context(found, parent=context), arguments)


def test_settings_are_a_productions_and_known(environment: dict[str, str]) -> None:
    settings = Settings(_env_file=None)
    assert settings.env == "production"
    assert unknown_variables() == []
    assert values("EnvironmentFile") == ["/etc/autoglm-gateway/gateway.env"]
    assert values("StateDirectory") == [settings.data_dir.name]
    assert settings.keys_dir.is_relative_to(settings.data_dir)


def test_a_stop_leaves_time_for_what_runs() -> None:
    (seconds,) = values("TimeoutStopSec")
    assert int(seconds) > Settings(_env_file=None).drain_seconds


def test_operators_command_has_the_settings_and_the_user_of_the_service(
    program: FindProgram, environment: dict[str, str], tmp_path: Path
) -> None:
    script = UNITS / "autoglm-gateway"
    shellcheck = [program("shellcheck", "shellcheck"), "--external-sources", f"--source-path={UNITS}", script]
    assert subprocess.run(shellcheck, capture_output=True).returncode == 0

    here = tmp_path / "gateway.env"
    here.write_text("".join(f"{name}={value}\n" for name, value in environment.items()))
    Path(environment["GATEWAY_DATA_DIR"]).mkdir()
    runuser = tmp_path / "runuser"
    runuser.write_text('#!/bin/sh\necho "$@"; pwd; echo "$GATEWAY_SECRETS_DIR"\n')
    runuser.chmod(0o755)
    text = script.read_text().replace(". /etc/autoglm-gateway/gateway.env", f". {here}")
    done = subprocess.run(
        ["/bin/sh", "-c", text, "sh", "user", "create", "two words"],
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )
    assert (done.stderr, done.stdout.splitlines()) == (
        "",
        [
            f"--user autoglm-gateway -- {GATEWAY} user create two words",
            environment["GATEWAY_DATA_DIR"],
            environment["GATEWAY_SECRETS_DIR"],
        ],
    )
