"""Trains the embedded model on one GPU: `python -m training.train --output DIR`.

Time is the budget: rates follow the share of it that has passed. DIR gets progress.jsonl, loss.png,
state.pt (to resume from, with the same command) and weights.safetensors, which `python -m
training.export` makes the checkpoint from. Run `python -m training.corpus` first if the generators'
words changed.
"""

import argparse
import functools
import json
import os
import time
from collections import defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.utils.data import DataLoader
from tqdm import tqdm

from training.architecture import SEED
from training.batches import Batch, Batches, Kind, Stream
from training.cuda_graph import may_capture, own_stream
from training.forward import make_model, precision
from training.grading import Grades, grade
from training.learner import Learner
from training.optimizer import Optimizer
from training.packing import Packer
from training.speech.recordings import has_pyav

WARM_UP = 0.02  # shares of the whole time
COOL_DOWN = 0.45  # the last part, in which rates fall to zero
SAVE_SECONDS = 150.0
MAX_STEPS_AHEAD = 2  # of the device
WEIGHTS_FILE = "weights.safetensors"
HEAD = "decoder.lm_head.weight"  # the embedding's own
NUM_HELD_OUT = 3  # batches of each kind; pictures of phones' sizes take a core 40 s a batch
KINDS: tuple[Kind, ...] = ("picture", "sign", "recording", "text")
GRADED: tuple[Kind, ...] = ("picture", "recording", "text")  # held-out signs are no close-ups
WORKER_SHARES: dict[Kind, float] = {"picture": 0.45, "sign": 0.08, "recording": 0.35, "text": 0.12}
# Batches that may be learned again.
MAX_KEPT: dict[Kind, int] = {"picture": 500, "sign": 600, "recording": 1500, "text": 600}


@dataclass(slots=True)
class Progress:
    step: int = 0
    seconds: float = 0.0  # spent training, over all runs


def rate_scale(share: float) -> float:
    """share of the time that has passed, 0-1 -> what all rates are multiplied by."""
    return max(0.0, min(1.0, share / WARM_UP, (1 - share) / COOL_DOWN))


class BatchStream(Protocol):
    """What is learned from. `num_made` counts batches, each once."""

    num_made: int

    def next(self) -> Batch: ...

    def close(self) -> None: ...


# From options, a seed and a device.
MakeStreams = Callable[[argparse.Namespace, int, torch.device], Mapping[Kind, BatchStream]]


def generated_streams(options: argparse.Namespace, seed: int, device: torch.device) -> dict[Kind, Stream]:
    workers = max(3, options_workers(options))
    return {
        kind: Stream(kind, max(1, round(workers * WORKER_SHARES[kind])), seed, MAX_KEPT[kind], device)
        for kind in KINDS
    }


class Trainer:
    def __init__(self, options: argparse.Namespace, make_streams: MakeStreams = generated_streams) -> None:
        self.options = options
        self._make_streams = make_streams
        self.device = torch.device(options.device)
        is_captured = may_capture(self.device, options.eager)
        self.model = make_model(self.device, is_captured)
        self.optimizer = Optimizer(self.model, is_captured)
        self.learner = Learner(self.model, is_captured)
        self.progress = Progress()
        self.packer = Packer()
        self._steps_ahead: deque[torch.cuda.Event] = deque()
        self.output: Path = options.output
        self.output.mkdir(parents=True, exist_ok=True)
        if (self.output / "state.pt").exists():
            self._load()
        if not has_pyav():
            print("No PyAV: training hears imitated codecs alone, and no held-out recordings are graded.")

    def run(self) -> None:
        with own_stream(self.device):
            self._run()

    def _run(self) -> None:
        streams = self._make_streams(self.options, SEED + self.progress.step, self.device)
        held_out = self._make_held_out()
        budget = self.options.seconds
        until = min(budget, self.progress.seconds + (self.options.stop_after or budget))
        bar = tqdm(total=round(until), initial=round(self.progress.seconds), unit="s", mininterval=5)
        losses: dict[Kind, Tensor] = {}
        started, before = time.monotonic(), self.progress.seconds
        next_note, next_save, next_grade = before, before + SAVE_SECONDS, before + self.options.grade_every
        first_step = self.progress.step
        while self.progress.seconds < until:
            scale = rate_scale(self.progress.seconds / budget)
            for kind in KINDS:
                losses[kind] = self.learner.learn(streams[kind].next())
            self.optimizer.step(scale)
            self._wait_for_device()
            self.progress.step += 1
            self.progress.seconds = before + time.monotonic() - started
            if self.progress.seconds >= next_note:
                note: dict[str, Any] = {
                    "step": self.progress.step,
                    "seconds": round(self.progress.seconds, 1),
                    "rate": round(scale, 4),
                    "losses": {kind: round(float(loss), 4) for kind, loss in losses.items()},
                    "made": {kind: stream.num_made for kind, stream in streams.items()},
                    "steps_per_second": round(
                        (self.progress.step - first_step) / max(1e-9, self.progress.seconds - before), 2
                    ),
                }
                if self.progress.seconds >= next_grade:
                    note["grades"] = self.grades(held_out())
                    next_grade = self.progress.seconds + self.options.grade_every
                self._note(note)
                bar.update(round(self.progress.seconds) - bar.n)
                bar.set_postfix(step=self.progress.step, **{k: f"{float(v):.3f}" for k, v in losses.items()})
                next_note = self.progress.seconds + 5
            if self.progress.seconds >= next_save:
                self._save()
                next_save = self.progress.seconds + SAVE_SECONDS
        bar.close()
        for stream in streams.values():
            stream.close()
        self._save()
        self._note({"step": self.progress.step, "final": True, "grades": self.grades(held_out())})

    def _wait_for_device(self) -> None:
        """Until it is at most MAX_STEPS_AHEAD steps behind."""
        if self.device.type != "cuda":
            return
        event = torch.cuda.Event(blocking=True)  # type: ignore[no-untyped-call]
        event.record()
        self._steps_ahead.append(event)
        if len(self._steps_ahead) > MAX_STEPS_AHEAD:
            self._steps_ahead.popleft().synchronize()

    def _make_held_out(self) -> Callable[[], list[Batch]]:
        """Begins to make the batches that are graded, beside the training; the result waits for them."""
        makers = []
        for kind in GRADED if self.options.graded_batches else ():
            is_heard = kind != "recording" or has_pyav()  # held-out recordings go through real codecs
            batches = Batches(kind, "held_out" if is_heard else "train", -1, keeps_turns=True)
            loader = DataLoader(batches, batch_size=None, num_workers=1, multiprocessing_context="forkserver")
            makers.append(iter(loader))
        cpu = torch.device("cpu")
        return functools.cache(
            lambda: [next(maker).to(cpu) for maker in makers for _ in range(self.options.graded_batches)]
        )

    def grades(self, batches: list[Batch]) -> Grades:
        """Of batches on the CPU. As in training, or else the forward pass would be compiled anew."""
        totals: dict[str, list[bool]] = defaultdict(list)
        for batch in batches:
            with precision(self.device):
                predicted = self.model(batch.to(self.device))[1]
            for kind, is_right in grade(batch, predicted.cpu(), self.packer):
                totals[kind].append(is_right)
        return {kind: (round(sum(each) / len(each), 3), len(each)) for kind, each in sorted(totals.items())}

    def _note(self, note: dict[str, Any]) -> None:
        with (self.output / "progress.jsonl").open("a") as file:
            file.write(json.dumps(note) + "\n")
        if "grades" in note:
            print("\n" + json.dumps(note["grades"], ensure_ascii=False), flush=True)

    def _save(self) -> None:
        state = {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "progress": (self.progress.step, self.progress.seconds),
        }
        torch.save(state, self.output / "state.new")
        os.replace(self.output / "state.new", self.output / "state.pt")
        halves = {name: tensor.half() for name, tensor in self.model.state_dict().items() if name != HEAD}
        save_file(halves, self.output / WEIGHTS_FILE)
        plot_losses(self.output)

    def _load(self) -> None:
        state = torch.load(self.output / "state.pt", map_location=self.device, weights_only=True)
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.progress = Progress(*state["progress"])
        print(f"Resumed after {self.progress.seconds:.0f} s, step {self.progress.step}.", flush=True)


def plot_losses(output: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    notes = [json.loads(line) for line in (output / "progress.jsonl").read_text().splitlines()]
    notes = [note for note in notes if "losses" in note]
    figure, axes = pyplot.subplots(figsize=(8, 4.5))
    for kind in KINDS:
        axes.plot([n["seconds"] for n in notes], [n["losses"][kind] for n in notes], label=kind, linewidth=1)
    axes.set(xlabel="seconds of training", ylabel="loss", yscale="log", title="Training the embedded model")
    axes.legend()
    axes.grid(alpha=0.3)
    figure.savefig(output / "loss.png", dpi=110, bbox_inches="tight")
    pyplot.close(figure)


def options_workers(options: argparse.Namespace) -> int:
    return int(options.workers or (os.cpu_count() or 4) - 2)


def parse_options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seconds", type=float, default=1500.0, help="of training in all")
    parser.add_argument("--stop-after", type=float, help="seconds of this run; go on with the same command")
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--eager", action="store_true", help="compile and capture nothing")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--workers", type=int, help="processes that make examples; default: cores less two")
    parser.add_argument("--grade-every", type=float, default=450.0, help="seconds between held-out grades")
    parser.add_argument("--graded-batches", type=int, default=NUM_HELD_OUT, help="of each kind; may be none")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    Trainer(parse_options()).run()
