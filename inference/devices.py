"""Devices: what their names mean, how many there are, their memory, and which number types they compute in.

A device is named as torch names it: "cpu", or "cuda:0" for the first NVIDIA GPU. Settings may also say
"cuda" (the first GPU) and "auto" (every GPU, or the CPU where there is none).
"""

import os
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from importlib.util import find_spec

import torch

from inference.errors import InvalidConfiguration
from inference.status import DeviceLoad

PERCENT = 100.0


@dataclass(frozen=True, slots=True)
class Memory:
    """A GPU's own memory, or the machine's for the CPU. Other processes count as used."""

    free_bytes: int
    total_bytes: int


def resolve_devices(devices: tuple[str, ...]) -> tuple[str, ...]:
    """Replaces "auto" with every CUDA device, or the CPU where there is none, and "cuda" with the first one.

    Raises `InvalidConfiguration`.
    """
    cuda_devices = tuple(f"cuda:{index}" for index in range(torch.cuda.device_count()))
    if "auto" in devices:
        return cuda_devices or ("cpu",)
    known = ("cpu", *cuda_devices)
    resolved = tuple("cuda:0" if device == "cuda" else device for device in devices)
    for device in resolved or ("",):
        if device not in known:
            raise InvalidConfiguration(
                f"There is no device {device!r} for the model here; name {' or '.join(known)}, or auto."
            )
    return resolved


def check_split(devices: tuple[str, ...]) -> None:
    """Raises `InvalidConfiguration` for resolved devices that cannot share a model's layers."""
    if len({torch.device(device).type for device in devices}) > 1:
        raise InvalidConfiguration(
            f"The devices {', '.join(devices)} cannot share a model, because they compute in different "
            "number types; name GPUs alone, or replicate the model."
        )


def names_of(device: str) -> tuple[str, ...]:
    """The devices of one worker, whose names its own name joins with commas."""
    return tuple(device.split(","))


def is_gpu(device: str | torch.device) -> bool:
    return torch.device(device).type == "cuda"


def on_device(device: torch.device) -> AbstractContextManager[object]:
    """Makes a GPU the current device, which libraries use that are not told which."""
    return torch.cuda.device(device) if is_gpu(device) else nullcontext()


def prepare_thread(device: str) -> None:
    """Sets the current device of a worker's thread, or, for the CPU, how many threads its operations use."""
    if is_gpu(device):
        torch.cuda.set_device(device)
    else:
        torch.set_num_threads(threads_for(count_cores()))


def threads_for(cores: int) -> int:
    """Half of the cores. The other half is for the event loop and the media decoders.

    OpenMP's threads wait for each other at every operation: when one of them loses its core, a step takes
    ten times as long (measured on two busy cores: over 1 s with two threads, 0.1 s with one).
    """
    return max(1, cores // 2)


def count_cores() -> int:
    """The cores that this process may use, where the system reports them; else all cores."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def computing_dtype(device: str | torch.device, stored: torch.dtype) -> torch.dtype:
    """32 bits on the CPU; elsewhere `stored`, the type in which a checkpoint stores its floats."""
    return torch.float32 if torch.device(device).type == "cpu" else stored


def measure_memory(device: str | torch.device) -> Memory:
    if is_gpu(device):
        return Memory(*torch.cuda.mem_get_info(device))
    page_bytes = os.sysconf("SC_PAGE_SIZE")
    return Memory(os.sysconf("SC_AVPHYS_PAGES") * page_bytes, os.sysconf("SC_PHYS_PAGES") * page_bytes)


def release_memory(device: str | torch.device) -> None:
    """Returns device memory that torch caches to the driver."""
    if is_gpu(device):
        torch.cuda.empty_cache()


def probe(device: str | torch.device) -> None:
    """Raises when the device itself does not work any more."""
    torch.zeros(1, device=device).add_(1).item()


def compute_capability(device: str | torch.device) -> int:
    """Of a GPU, as one number: 90 for compute capability 9.0."""
    major, minor = torch.cuda.get_device_capability(device)
    return 10 * major + minor


def measure_load(worker: str, device: str) -> DeviceLoad | None:
    """Returns None for the CPU, and where the driver cannot be queried without using the device.

    Takes about a millisecond, from any thread. Where the workers are other processes, this one does not use
    the devices: that would take half a gigabyte of each.
    """
    if not is_gpu(device):
        return None
    is_used_here: bool = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]  # torch's own
    memory = measure_memory(device) if is_used_here else _driver_memory(device)
    if memory is None:
        return None
    used_bytes = memory.total_bytes - memory.free_bytes
    return DeviceLoad(worker, device, used_bytes, memory.total_bytes, _utilization(device))


def _driver_memory(device: str) -> Memory | None:
    if find_spec("pynvml") is None:
        return None
    import pynvml

    try:
        pynvml.nvmlInit()
        index = torch.cuda._get_nvml_device_index(device)  # as `torch.cuda.utilization` does
        found = pynvml.nvmlDeviceGetMemoryInfo(pynvml.nvmlDeviceGetHandleByIndex(index))
    except (pynvml.NVMLError, RuntimeError):  # for example, of a part of a GPU
        return None
    return Memory(found.free, found.total)


def _utilization(device: str) -> float | None:
    """Over the last second or less. None where the driver's library is missing or reports nothing."""
    if find_spec("pynvml") is None:
        return None
    from pynvml import NVMLError

    try:
        return torch.cuda.utilization(device) / PERCENT
    except (NVMLError, RuntimeError):  # for example, of a part of a GPU
        return None
