"""Where the time of a training step goes: `python -m training.profile [--device cuda]`.

Prints the median time of each kind of batch and of the optimizer, then what the device did longest in
each, then one JSON line.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from functools import partial

import torch
from torch.profiler import ProfilerActivity, profile

from testbed.figures import print_figures
from testbed.hardware import hardware_and_versions
from training.batches import ROW_COUNTS, Batches
from training.cuda_graph import may_capture, own_stream
from training.forward import make_model
from training.learner import Learner
from training.optimizer import Optimizer
from training.train import KINDS

WARM_UP = 3  # of each, compilation and capture included


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--eager", action="store_true", help="compile and capture nothing")
    parser.add_argument("--kinds", nargs="*", default=list(KINDS), choices=KINDS)
    parser.add_argument("--steps", type=int, default=10, help="that are timed, of each")
    parser.add_argument("--operations", type=int, default=12, help="that are listed, of each")
    options = parser.parse_args()
    device = torch.device(options.device)
    with own_stream(device):
        measure(device, options)


def measure(device: torch.device, options: argparse.Namespace) -> None:
    is_captured = may_capture(device, options.eager)
    model = make_model(device, is_captured)
    optimizer, learner = Optimizer(model, is_captured), Learner(model, is_captured)
    parts: dict[str, Callable[[], object]] = {
        kind: partial(learner.learn, next(iter(Batches(kind, "train", 0))).to(device))
        for kind in options.kinds
    }
    parts["optimizer"] = lambda: optimizer.step(0.0)
    figures = {
        f"{name}_ms": round(seconds_of(part, device, options.steps) * 1000, 2) for name, part in parts.items()
    }
    figures["step_ms"] = round(sum(figures.values()), 2)
    rows: dict[str, object] = {f"{kind}_rows": ROW_COUNTS[kind] for kind in options.kinds}
    print_figures(f"A training step on {device}", {**figures, **rows})
    for name, part in parts.items():
        print(f"\n{name}\n{longest(part, device, options.operations)}")
    print(json.dumps({**figures, **rows, "hardware": hardware_and_versions("torch")}))


def seconds_of(part: Callable[[], object], device: torch.device, steps: int) -> float:
    """Median, waiting for the device each time."""
    durations = []
    for _ in range(WARM_UP + steps):
        started = time.perf_counter()
        part()
        synchronise(device)
        durations.append(time.perf_counter() - started)
    return statistics.median(durations[WARM_UP:])


def longest(part: Callable[[], object], device: torch.device, count: int) -> str:
    is_cuda = device.type == "cuda"
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if is_cuda else [])]
    with profile(activities=activities) as profiled:
        part()
        synchronise(device)
    key = "self_cuda_time_total" if is_cuda else "self_cpu_time_total"
    table: str = profiled.key_averages().table(sort_by=key, row_limit=count, max_name_column_width=70)
    return table


def synchronise(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


if __name__ == "__main__":
    main()
