"""All cores of the CPU for a request that is alone; see `inference.devices.threads_for` for the usual number.

Nothing else runs meanwhile but the event loop, which waits for this request. Only for what has the same
result, to the last bit, on any number of threads: the towers of pictures, and the compiled kernels.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from inference.devices import count_cores
from inference.kernels.cpu.compiler import is_supported

MANY_TOKENS = 64  # of a prefill; with fewer the threads would wait for each other more than they compute


class SpareCores:
    """Used by the engine's thread alone. Lends none on other devices, and without the compiled kernels."""

    def __init__(self, device: torch.device, cores: int | None = None) -> None:
        """`cores`: None takes those that this process may use."""
        is_used = device.type == "cpu" and is_supported()
        self._cores = (cores or count_cores()) if is_used else 0

    @contextmanager
    def lent(self, *, is_alone: bool) -> Iterator[None]:
        usual = torch.get_num_threads()
        if not is_alone or self._cores <= usual:
            yield
            return
        torch.set_num_threads(self._cores)
        try:
            yield
        finally:
            torch.set_num_threads(usual)
