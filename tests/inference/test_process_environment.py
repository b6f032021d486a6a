"""What a worker's process inherits."""

import pytest

from inference.process_environment import SOURCE, process_environment


@pytest.mark.parametrize(
    "name",
    [
        "PATH",
        "HOME",
        "LD_LIBRARY_PATH",
        "CUDA_VISIBLE_DEVICES",
        "NVIDIA_VISIBLE_DEVICES",
        "TRITON_CACHE_DIR",
        "OMP_NUM_THREADS",
        "HF_HOME",
        "LC_ALL",
        "PYTORCH_CUDA_ALLOC_CONF",
    ],
)
def test_how_libraries_are_set_up_is_inherited(name: str) -> None:
    assert process_environment({name: "value"})[name] == "value"


@pytest.mark.parametrize(
    "name",
    [
        "GATEWAY_DATABASE_URL",
        "GATEWAY_REDIS_URL",
        "GATEWAY_TELEMETRY__HEADERS",
        "HF_TOKEN",
        "AWS_SECRET_ACCESS_KEY",
        "PYTHON_KEYRING_PASSWORD",
        "CUDA_LICENSE_KEY",
        "http_proxy",
        "SSH_AUTH_SOCK",
        "LD_PRELOAD",
    ],
)
def test_secrets_and_everything_else_are_not(name: str) -> None:
    assert name not in process_environment({name: "value"})


def test_the_process_finds_the_package_and_uses_no_network() -> None:
    environment = process_environment({"PYTHONPATH": "/elsewhere"})
    assert environment["PYTHONPATH"] == f"{SOURCE}:/elsewhere"
    assert (SOURCE / "inference" / "workers").is_dir()
    assert environment["HF_HUB_OFFLINE"] == "1"
