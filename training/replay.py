"""Work that is the same again and again, launched as one.

A training step is some five thousand small kernels, and launching them one by one takes Python longer
than running them takes the GPU.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch


@contextmanager
def own_stream(device: torch.device) -> Iterator[None]:
    """Inside, the thread's work on CUDA has a stream of its own.

    The default stream cannot be captured, and other threads' copies shall pass beside the work.
    """
    if device.type != "cuda":
        yield
        return
    stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
    stream.wait_stream(torch.cuda.current_stream(device))
    with torch.cuda.stream(stream):
        yield
        stream.synchronize()


class Replayed:
    """A function whose kernels are captured as a CUDA graph when it is called for the second time.

    The first time they are compiled and chosen. The function must always read and write the same
    tensors and never wait for the device. `pool`: memory shared with other graphs, which do not run
    at the same time and hand each other nothing in it.
    """

    def __init__(self, function: Callable[[], Any], pool: Any = None) -> None:
        self._function = function
        self._pool = pool
        self._graph: torch.cuda.CUDAGraph | None = None
        self._result: Any = None
        self._is_known = False

    def __call__(self) -> Any:
        """Returns what the function does: the same tensor each time, until another graph of the pool runs."""
        if not self._is_known:
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
