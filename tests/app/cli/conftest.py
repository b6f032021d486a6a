"""The command line, run in the test's own process: starting Python anew takes a second each time."""

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from app.cli import main

Run = Callable[..., "Result"]


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str


@pytest.fixture
def own_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """None of the developer's own: the environment of the test, in an empty directory."""
    for name in [name for name in os.environ if name.startswith("GATEWAY_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GATEWAY_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("GATEWAY_BACKEND", "scripted")
    monkeypatch.chdir(tmp_path)
    return monkeypatch


@pytest.fixture
def run(own_settings: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Runs `gateway ARGUMENTS…`; keywords are settings for this call."""

    def run(*arguments: str, **settings: str) -> Result:
        with own_settings.context() as patch:
            for name, value in settings.items():
                patch.setenv(name, value)
            root = logging.getLogger()
            handlers = list(root.handlers)
            with pytest.raises(SystemExit) as ended:
                main(list(arguments))
            root.handlers[:] = handlers  # one of `serve` would write to this test's standard error for ever
        captured = capfd.readouterr()
        return Result(int(ended.value.code or 0), captured.out, captured.err)

    return run
