"""Names, memory and number types of devices."""

import pytest
import torch

from inference import devices as module
from inference.devices import (
    computing_dtype,
    is_gpu,
    measure_load,
    measure_memory,
    resolve_devices,
    threads_for,
)
from inference.errors import InvalidConfiguration


@pytest.mark.parametrize(
    ("cuda_devices", "expected"), [(0, ("cpu",)), (2, ("cuda:0", "cuda:1"))], ids=["no GPU", "two GPUs"]
)
def test_auto_means_every_gpu_or_the_cpu(monkeypatch, cuda_devices: int, expected: tuple[str, ...]) -> None:
    monkeypatch.setattr(module.torch.cuda, "device_count", lambda: cuda_devices)
    assert resolve_devices(("auto",)) == expected


def test_devices_are_used_as_named(monkeypatch) -> None:
    monkeypatch.setattr(module.torch.cuda, "device_count", lambda: 2)
    assert resolve_devices(("cuda:1", "cuda", "cpu")) == ("cuda:1", "cuda:0", "cpu")


@pytest.mark.parametrize("devices", [("cuda:0",), ("cuda",), ("gpu",), ("cpu", "mps"), ("",), ()])
def test_a_device_that_does_not_exist_is_refused(monkeypatch, devices: tuple[str, ...]) -> None:
    monkeypatch.setattr(module.torch.cuda, "device_count", lambda: 0)
    with pytest.raises(
        InvalidConfiguration, match=r"There is no device '.*' for the model here; name cpu, or auto"
    ):
        resolve_devices(devices)


@pytest.mark.parametrize(("cores", "threads"), [(1, 1), (2, 1), (3, 1), (8, 4)])
def test_some_cores_are_left_to_the_event_loop(cores: int, threads: int) -> None:
    assert threads_for(cores) == threads


@pytest.mark.parametrize(
    ("name", "expected"), [("cpu", False), ("cuda", True), ("cuda:1", True), ("meta", False)]
)
def test_cuda_devices_are_gpus(name: str, expected: bool) -> None:
    assert is_gpu(name) == is_gpu(torch.device(name)) == expected


@pytest.mark.parametrize("stored", [torch.float16, torch.bfloat16, torch.float32])
def test_the_cpu_computes_in_32_bits_and_a_gpu_in_the_stored_type(stored: torch.dtype) -> None:
    assert computing_dtype("cpu", stored) == torch.float32
    assert computing_dtype("cuda:0", stored) == computing_dtype(torch.device("cuda:0"), stored) == stored


def test_the_memory_of_the_cpu_is_the_machines() -> None:
    memory = measure_memory("cpu")
    assert 0 < memory.free_bytes <= memory.total_bytes


def test_a_cpu_has_no_load_of_an_accelerator() -> None:
    assert measure_load("0", "cpu") is None
