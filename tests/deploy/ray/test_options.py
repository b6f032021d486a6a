"""What an operator may say to deploy/ray/deploy, and what replicas get of the settings."""

import pickle
from pathlib import Path

import pytest

from app.settings import Settings
from deploy.ray.options import read_options, settings_for_replicas
from deploy.ray.replica import engine_settings

KEY = "3f9c0b6de1a74258b0c7d3e9f1a2647c"


@pytest.fixture
def key_file(tmp_path: Path) -> str:
    (tmp_path / "key").write_text(f"{KEY}\n")
    return str(tmp_path / "key")


@pytest.mark.parametrize(
    ("given", "expected"), [("1", (1, 1)), ("2:8", (2, 8)), ("3:", (3, 3)), ("4:4", (4, 4))]
)
def test_replicas_are_a_number_or_a_range(key_file: str, given: str, expected: tuple[int, int]) -> None:
    options = read_options(["--key-file", key_file, "--replicas", given], Settings(_env_file=None))
    assert (options.min_replicas, options.max_replicas) == expected
    assert options.key == KEY
    assert options.queue == Settings(_env_file=None).engine.max_running_requests


@pytest.mark.parametrize("given", ["0", "8:2", ":3", "many", "1:2:3", "-1", "1.5"])
def test_other_numbers_of_replicas_are_refused(key_file: str, given: str) -> None:
    with pytest.raises(ValueError, match="1:8"):
        read_options(["--key-file", key_file, f"--replicas={given}"], Settings(_env_file=None))


def test_a_key_that_could_be_guessed_is_refused(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("secret\n")
    with pytest.raises(ValueError, match="openssl rand") as refused:
        read_options(["--key-file", str(tmp_path / "key")], Settings(_env_file=None))
    assert "secret" not in str(refused.value).replace(str(tmp_path), "")


def test_replicas_get_the_settings_of_the_engine_and_no_secret(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GATEWAY_DATABASE_URL", "postgresql://gateway:hunter2@postgres/gateway")
    monkeypatch.setenv("GATEWAY_REMOTE__KEY", "hunter2")
    monkeypatch.setenv("GATEWAY_ENGINE__MAX_RUNNING_REQUESTS", "3")
    monkeypatch.setenv("GATEWAY_QUANTIZATION", "int8")
    given = settings_for_replicas(Settings(_env_file=None), gpus=0)
    assert b"hunter2" not in pickle.dumps(given)
    for name in ("GATEWAY_ENGINE__MAX_RUNNING_REQUESTS", "GATEWAY_QUANTIZATION"):
        monkeypatch.delenv(name)  # nodes have an environment of their own
    there = engine_settings(given, tmp_path)
    assert (there.engine.max_running_requests, there.quantization, there.devices) == (3, "int8", ("cpu",))
    assert "devices" not in settings_for_replicas(Settings(_env_file=None), gpus=1)
