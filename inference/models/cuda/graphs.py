"""Captures lists of launches into CUDA graphs, and replays them."""

import os
import threading
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

import torch
import triton

from inference.kernels.cuda.launch import KernelLaunch
from inference.models.cuda.head import Launch

COMPILE_THREADS = 16  # at most; each waits for the assembler, another process, half of the time

# Entering a capture synchronises the device, which would break the capture of another worker's thread.
_capturing = threading.Lock()
# Triton imports the launcher of each kernel as an extension module, all under one name. Two threads at a time
# have received each other's.
_loading = threading.Lock()


def compile_kernels(launches: Iterable[Launch]) -> int:
    """Compiles and loads the kernels of the launches, each once, several at a time. Returns how many."""
    kernels = {launch.key(): launch for launch in launches if isinstance(launch, KernelLaunch)}
    threads = min(COMPILE_THREADS, os.cpu_count() or 1)
    with ThreadPoolExecutor(threads) as pool, triton.AsyncCompileMode(pool):
        for launch in kernels.values():
            launch.compile_here()
    with _loading:
        for launch in kernels.values():
            launch.load()
    return len(kernels)


def capture(launches: Sequence[Launch], stream: torch.cuda.Stream) -> torch.cuda.CUDAGraph:
    """Runs the launches once, then captures them on `stream`, which must not be the default one.

    The buffers must hold values that a step may hold. The graph replays on the caller's stream.
    """
    with _capturing:
        run(launches)
        torch.cuda.synchronize(stream.device)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, stream=stream, capture_error_mode="thread_local"):
            run(launches)
    return graph


def run(launches: Sequence[Launch]) -> None:
    for launch in launches:
        launch()
