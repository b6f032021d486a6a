"""What an accelerator says of itself, whichever process uses it. Processors are not asked."""

from importlib.util import find_spec

import torch

from inference.backend import DeviceLoad

PERCENT = 100.0


def measure_device(worker: str, device: str) -> DeviceLoad | None:
    """None for a device that is no accelerator. Asks the driver: about a millisecond, from any thread."""
    if not device.startswith("cuda"):
        return None
    free_bytes, total_bytes = torch.cuda.mem_get_info(device)
    return DeviceLoad(worker, device, total_bytes - free_bytes, total_bytes, _utilization(device))


def _utilization(device: str) -> float | None:
    """Of the last second or less; None where the driver's management library is away or does not tell."""
    if find_spec("pynvml") is None:
        return None
    from pynvml import NVMLError

    try:
        return torch.cuda.utilization(device) / PERCENT
    except (NVMLError, RuntimeError):  # a part of a GPU, for one, is not measured
        return None
