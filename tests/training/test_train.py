"""A run of the training that stops and goes on, and what it leaves behind."""

import argparse
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from training.architecture import SEED
from training.batches import Batch, Kind
from training.example import Turn, asked
from training.packing import Packer
from training.train import KINDS, Trainer, parse_options

pytestmark = pytest.mark.slow

PNG = b"\x89PNG\r\n"


def tiny_batch() -> Batch:
    packer = Packer()
    turn = Turn("greeting", asked("Hello!"), "Hi.")
    row = packer.row([], 0, [packer.branch(turn, None, False)[1]], 16)
    names = ("token_ids", "targets", "positions", "branches")
    tensors = {name: torch.from_numpy(getattr(row, name))[None].long() for name in names}
    weights = torch.from_numpy(row.weights)[None]
    return Batch("text", **tensors, weights=weights, predicted=weights.flatten().nonzero()[:, 0])


class OneBatch:
    """A stream of one small batch again and again."""

    def __init__(self) -> None:
        self.num_made = 1
        self.is_closed = False
        self._batch = tiny_batch()

    def next(self) -> Batch:
        return self._batch

    def close(self) -> None:
        self.is_closed = True


class Run:
    """One run in `output`: a single step, which takes longer than --stop-after allows."""

    def __init__(self, output: Path, *arguments: str) -> None:
        self.seeds: list[int] = []
        self.streams: dict[Kind, OneBatch] = {}
        plain = ["--device", "cpu", "--eager", "--seconds", "1000", "--graded-batches", "0"]
        options = parse_options([*plain, "--stop-after", "1e-9", "--output", str(output), *arguments])
        self.trainer = Trainer(options, self._make_streams)

    def _make_streams(
        self, options: argparse.Namespace, seed: int, device: torch.device
    ) -> dict[Kind, OneBatch]:
        self.seeds.append(seed)
        self.streams = {kind: OneBatch() for kind in KINDS}
        return self.streams


def notes(output: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (output / "progress.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Run:
    run = Run(tmp_path_factory.mktemp("run"))
    run.trainer.run()
    return run


def test_a_run_stops_in_time_and_closes_its_streams(stopped: Run) -> None:
    assert stopped.trainer.progress.step == 1
    assert 0 < stopped.trainer.progress.seconds < 1000
    assert all(stream.is_closed for stream in stopped.streams.values())


def test_it_leaves_its_progress_and_a_plot_of_its_losses(stopped: Run) -> None:
    learned, final = notes(stopped.trainer.output)
    assert learned["step"] == 1
    assert set(learned["losses"]) == set(learned["made"]) == set(KINDS)
    assert final["final"]
    assert (stopped.trainer.output / "loss.png").read_bytes().startswith(PNG)


def test_nothing_is_graded_where_no_batches_are_to_be(stopped: Run) -> None:
    assert notes(stopped.trainer.output)[-1]["grades"] == {}


def test_the_same_command_goes_on_where_it_stopped(stopped: Run, tmp_path: Path) -> None:
    before = stopped.trainer
    resumed = Run(shutil.copytree(before.output, tmp_path / "run"))
    assert resumed.trainer.progress == before.progress
    assert same(resumed.trainer.model.state_dict(), before.model.state_dict())
    assert same(resumed.trainer.optimizer.state_dict(), before.optimizer.state_dict())
    resumed.trainer.run()
    assert resumed.seeds == [SEED + before.progress.step]  # other examples than before
    assert resumed.trainer.progress.step == before.progress.step + 1
    assert resumed.trainer.progress.seconds > before.progress.seconds
    assert [note["step"] for note in notes(resumed.trainer.output)] == [1, 1, 2, 2]


def same(one: Any, other: Any) -> bool:
    """Nested states, tensor by tensor."""
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)
