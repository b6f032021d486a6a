"""What is trained is what the engine runs: the same numbers from rows of branches as from prompts."""

import random
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from inference.modalities.audio import log_mel
from inference.modalities.image import resize
from inference.types import Audio, Image, Message, Text
from training.architecture import SPEECH, VISION
from training.batches import Batch
from training.cells import NOTHING
from training.example import Turn, asked
from training.forward import TrainingModel
from training.packing import NOWHERE, Branch, Packer, Row

from ..inference.tiny_checkpoints import Driver

LENGTH = 160
TURNS = (
    Turn("greeting", asked("Hello!"), "Hi."),
    Turn("action", asked("打开微信"), 'do(action="Launch", app="微信")', "The user wants to open an app."),
    Turn("silent", asked(""), "Yes."),
    Turn("system", (Message("system", (Text("Be brief."),)), *asked("Who?")), "AutoGLM-Phone."),
)
IMAGE = Image(np.random.default_rng(0).integers(0, 256, (96, 64, 3), dtype=np.uint8))
AUDIO = Audio(np.random.default_rng(1).standard_normal(16_000).astype(np.float32) * 0.1)


@pytest.fixture(scope="module")
def model() -> TrainingModel:
    return TrainingModel().eval().requires_grad_(False)


@pytest.fixture(scope="module")
def packer() -> Packer:
    return Packer()


def pack(packer: Packer, media: Image | Audio | None, count: int) -> tuple[Row, list[int], list[Branch]]:
    turns = [turn for turn in TURNS if media is None or len(turn.messages) == 1]
    packed = [packer.branch(turn, media, bool(turn.thinking)) for turn in turns]
    beginning, branches = packed[0][0], [branch for _, branch in packed]
    return packer.row(beginning, count, branches, LENGTH), beginning, branches


@torch.inference_mode()
def engine_logits(model: TrainingModel, token_ids: list[int], start: int, features: Tensor | None) -> Tensor:
    rows = model.decoder.embed(torch.tensor(token_ids))
    if features is not None:
        rows[start : start + len(features)] = features
    driver = Driver(model.decoder)
    return model.decoder.logits(model.decoder(rows, driver.batch([(0, 0, len(rows))]), driver.kv_caches))


@pytest.mark.slow
@pytest.mark.parametrize("media", [None, IMAGE, AUDIO], ids=["text", "image", "audio"])
def test_branches_are_predicted_as_the_engine_predicts_prompts(
    model: TrainingModel, packer: Packer, media: Image | Audio | None
) -> None:
    features = None if media is None else model.fusion.encode(media)
    count = 0 if features is None else len(features)
    row, beginning, branches = pack(packer, media, count)
    shared = beginning[:-1] + beginning[-1:] * count
    batch = batch_of(row, media)
    predicted = predictions(model, batch)
    for number, branch in enumerate(branches, start=1):
        logits = engine_logits(model, [*shared, *branch.token_ids], row.media_start, features)
        expected = logits[len(shared) :].argmax(dim=-1)
        where = torch.from_numpy((row.branches == number) & (row.weights > 0))
        is_counted = torch.tensor(branch.weights) > 0
        assert where.any()
        assert torch.equal(predicted[where], expected[is_counted])


def predictions(model: TrainingModel, batch: Batch) -> Tensor:
    """(length,) of the only row; 0 where nothing is to be predicted."""
    return torch.zeros_like(batch.targets).flatten().scatter(0, batch.predicted, model(batch)[1])


def batch_of(row: Row, media: Image | Audio | None) -> Batch:
    tensors = {
        name: torch.from_numpy(getattr(row, name))[None].long()
        for name in ("token_ids", "targets", "positions", "branches")
    }
    weights = torch.from_numpy(row.weights)[None]
    cell, contents, lengths = VISION.cell_size, None, None
    if isinstance(media, Image):
        kind, values = "picture", resize(media.pixels, 3 * cell, 2 * cell)[None]
        contents = torch.full((1, 6, 2), NOTHING)
    elif isinstance(media, Audio):
        kind, values = "recording", log_mel(media.samples, SPEECH.num_mels, SPEECH.frames_per_token)[None]
        contents, lengths = torch.tensor([[5]]), torch.tensor([1])
    else:
        kind, values = "text", None
    predicted = weights.flatten().nonzero()[:, 0]
    return Batch(
        kind,
        **tensors,
        weights=weights,
        predicted=predicted,
        media=values,
        media_start=row.media_start,
        places=torch.from_numpy(row.places)[None] if isinstance(media, Image) else None,
        contents=contents,
        transcript_lengths=lengths,
    )


@pytest.mark.slow
def test_an_answer_learns_to_look_where_it_is_found(packer: Packer) -> None:
    """And nothing is taught of where others are found."""
    model = TrainingModel()
    lower_right = replace(TURNS[1], place=(500, 667, 999, 999))  # of two columns and three rows
    branches = [packer.branch(turn, IMAGE, False) for turn in (lower_right, TURNS[0])]
    row = packer.row(branches[0][0], 6, [branch for _, branch in branches], LENGTH)
    assert {tuple(place) for place in row.places[row.branches != 1].tolist()} == {NOWHERE}
    batch = batch_of(row, IMAGE)
    assert batch.places is not None
    before = float(looking_loss(model, batch).detach())
    for _ in range(4):
        looking_loss(model, batch).backward()
        for parameter in model.parameters():
            if parameter.grad is not None:
                parameter.data -= parameter.grad
                parameter.grad = None
    assert float(looking_loss(model, batch).detach()) < before / 2
    elsewhere = replace(batch, places=batch.places.where(batch.places < 0, 0))
    assert float(looking_loss(model, elsewhere).detach()) > before
    nowhere = replace(batch, places=torch.full_like(batch.places, -1))
    assert float(looking_loss(model, nowhere).detach()) == 0.0


def looking_loss(model: TrainingModel, batch: Batch) -> Tensor:
    loss: Tensor = model(batch)[0] - model(replace(batch, places=None))[0]
    return loss


def test_a_branch_is_the_prompt_that_the_engine_would_build_and_its_reply(packer: Packer) -> None:
    row, _, branches = pack(packer, None, 0)
    assert row.turns == TURNS
    text = packer.tokenizer.decode(branches[1].token_ids, skip_special_tokens=False)
    assert text == (
        "<|user|>\n打开微信<|assistant|>\n<think>The user wants to open an app.</think>"
        '<answer>do(action="Launch", app="微信")</answer>'
    )
    weighed = [
        target for target, weight in zip(branches[3].targets, branches[3].weights, strict=True) if weight == 1
    ]
    reply = packer.tokenizer.decode(weighed, skip_special_tokens=False)
    assert reply == "<answer>AutoGLM-Phone.</answer><|user|>"


def test_what_does_not_fit_into_a_row_is_left_out_whole(packer: Packer) -> None:
    branch = packer.branch(TURNS[0], None, False)[1]
    size = len(branch.token_ids)
    row = packer.row([], 0, [branch] * 5, 3 * size + 1)
    assert len(row.turns) == 3
    assert (row.branches == -1).sum() == 1
    assert row.weights[-1] == 0


def test_no_branch_learns_from_another(model: TrainingModel, packer: Packer) -> None:
    """Another neighbour changes no prediction of the first branch."""
    row, _, branches = pack(packer, None, 0)
    other = packer.row([], 0, [branches[0], branches[3], branches[1]], LENGTH)
    where = torch.from_numpy((row.branches == 1) & (row.weights > 0))
    ours, others = (predictions(model, batch_of(each, None)) for each in (row, other))
    assert torch.equal(ours[where], others[where])


def test_thinking_is_practised_only_where_there_are_thoughts() -> None:
    from training.packing import is_thought_about

    rng = random.Random(0)
    assert not any(is_thought_about(TURNS[0], rng) for _ in range(100))
    assert 10 < sum(is_thought_about(TURNS[1], rng) for _ in range(100)) < 60
