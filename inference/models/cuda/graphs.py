"""Captures lists of launches into CUDA graphs, and replays them."""

import threading
from collections.abc import Sequence

import torch

from inference.models.cuda.head import Launch

# Entering a capture synchronises the device, which would break the capture of another worker's thread.
_capturing = threading.Lock()


def capture(launches: Sequence[Launch]) -> torch.cuda.CUDAGraph:
    """Runs the launches once, which compiles and loads what they need, then captures them.

    The buffers they work on hold whatever a step may hold. Replay on the stream of the caller.
    """
    with _capturing:
        run(launches)
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, capture_error_mode="thread_local"):
            run(launches)
    return graph


def run(launches: Sequence[Launch]) -> None:
    for launch in launches:
        launch()
