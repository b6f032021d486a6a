"""Work that is the same again and again, launched as one.

A training step is some five thousand small kernels, and launching them one by one takes Python longer
than running them takes the GPU.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch


def may_capture(device: torch.device, is_eager: bool) -> bool:
    """Return whether work on `device` should be compiled and captured: on CUDA, unless `is_eager`."""
    return device.type == "cuda" and not is_eager


@contextmanager
def own_stream(device: torch.device) -> Iterator[None]:
    """Inside, the thread's work on CUDA has a stream of its own.

    The default stream cannot be captured, and other threads' copies must run in parallel.
    """
    if device.type != "cuda":
        yield
        return
    stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
    stream.wait_stream(torch.cuda.current_stream(device))
    with torch.cuda.stream(stream):
        yield
        stream.synchronize()


class GraphedFunction:
    """A function whose kernels are captured as a CUDA graph when it is called for the second time.

    The first time they are compiled and chosen. The function must read and write the same tensors each
    time and never wait for the device. Unless `is_captured`, it is just called.

    Graphs of one `pool` share memory, so what one leaves there lasts until another runs. One that reads
    what another left must be captured next to it, while that still lives, and run next to it.
    """

    def __init__(self, function: Callable[[], Any], is_captured: bool, pool: Any = None) -> None:
        self._function = function
        self._is_captured = is_captured
        self._pool = pool
        self._graph: torch.cuda.CUDAGraph | None = None
        self._result: Any = None
        self._is_known = False

    def __call__(self) -> Any:
        """Returns what the function does; from a graph, the same tensors each time."""
        if not self._is_captured or not self._is_known:
            self._is_known = True
            return self._function()
        if self._graph is None:
            graph = torch.cuda.CUDAGraph()
            stream = torch.cuda.current_stream()
            # thread_local: other threads bring batches meanwhile
            with torch.cuda.graph(graph, self._pool, stream, capture_error_mode="thread_local"):
                self._result = self._function()
            self._graph = graph
        self._graph.replay()
        return self._result
