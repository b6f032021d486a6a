"""Loads a real model whose device breaks on purpose: with an illegal memory access, or with its process.

The functions can be sent to a worker's process.
"""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import torch

from inference.devices import is_gpu
from inference.loading.loaded_model import LoadedModel
from inference.loading.registry import load_model

ILLEGAL_ACCESS, KILL, LOSE = "illegal access", "kill", "lose"


class DeviceLost(BaseException):
    """Not an Exception, so that the engine does not catch it."""


def break_next(directory: Path, device: str, fault: str) -> None:
    """The next prefill on the device meets the fault."""
    _mark(directory, device).write_text(fault)


def is_broken(directory: Path, device: str) -> bool:
    """Whether the fault was met."""
    return not _mark(directory, device).exists()


def load_faulty(
    directory: Path,
    model: str,
    device: str,
    quantization: str,
    quantize_head: bool,
    more_devices: tuple[str, ...] = (),
) -> LoadedModel:
    """Like `load_model`. `directory` is where `break_next` leaves its marks."""
    loaded = load_model(model, device, quantization, quantize_head, more_devices=more_devices)
    mark = _mark(directory, device)

    def meet_fault(*_: object) -> None:
        if mark.exists():
            fault = mark.read_text()
            mark.unlink()
            FAULTS[fault](device)

    loaded.decoder.embed_tokens.register_forward_pre_hook(meet_fault)  # every prefill embeds its tokens
    return loaded


def access_illegally(device: str) -> None:
    """A kernel writes where there is no memory. No later call of this process succeeds on the device."""
    if not is_gpu(device):
        os.kill(os.getpid(), signal.SIGSEGV)
    from testbed.illegal_kernel import launch  # needs Triton

    launch(torch.zeros(1, dtype=torch.int32, device=device))


def kill(device: str) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def lose(device: str) -> None:
    raise DeviceLost


FAULTS: dict[str, Callable[[str], None]] = {ILLEGAL_ACCESS: access_illegally, KILL: kill, LOSE: lose}


def _mark(directory: Path, device: str) -> Path:
    return directory / device.replace(":", "-").replace(",", "-")
