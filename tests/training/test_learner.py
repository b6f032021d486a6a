"""Replayed kernels give the gradients of those launched one by one."""

from dataclasses import replace

import pytest
import torch

from training.architecture import SPEECH, TEXT, VISION
from training.batches import Batch, Kind
from training.cells import NOTHING
from training.forward import TrainingModel
from training.learner import Learner
from training.optimizer import Optimizer, gradient_of
from training.replay import own_stream
from training.speech.spec_augment import hide_parts
from training.train import KINDS

from ..inference.conftest import DEVICES, require_cuda

ROWS, LENGTH, COLUMNS = 3, 64, 4


def random_batch(kind: Kind, seed: int, device: torch.device) -> Batch:
    """All batches of a kind have one shape."""
    generator = torch.Generator().manual_seed(seed)

    def integers(end: int, *shape: int) -> torch.Tensor:
        return torch.randint(end, shape, generator=generator)

    cell = VISION.cell_size
    media = integers(256, ROWS, 3, 2 * cell, COLUMNS * cell).to(torch.uint8)
    contents = integers(TEXT.vocab_size, ROWS, 2 * COLUMNS, 6)
    lengths = None
    if kind == "recording":
        media = torch.rand(ROWS, SPEECH.num_mels, 10 * SPEECH.frames_per_token, generator=generator).half()
        contents, lengths = integers(TEXT.vocab_size, ROWS, 8), torch.tensor([8, 5, 2])
    else:
        contents[:, ::2] = NOTHING
    batch = Batch(
        kind,
        token_ids=integers(TEXT.vocab_size, ROWS, LENGTH),
        targets=integers(TEXT.vocab_size, ROWS, LENGTH),
        positions=torch.arange(LENGTH).expand(ROWS, LENGTH).clone(),
        branches=torch.zeros(ROWS, LENGTH, dtype=torch.long),
        weights=torch.ones(ROWS, LENGTH),
        predicted=torch.arange(ROWS * LENGTH),
        media=None if kind == "text" else media,
        media_start=2,
        contents=None if kind == "text" else contents,
        transcript_lengths=lengths,
    )
    return batch.to(device)


@pytest.mark.slow
@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("kind", KINDS)
def test_each_batch_of_a_shape_gives_its_own_gradients(kind: Kind, device: str) -> None:
    if device != "cpu":
        require_cuda(1)
    where = torch.device(device)
    model = TrainingModel().to(where)
    optimizer, learner = Optimizer(model), Learner(model)
    with own_stream(where):
        for seed in range(2 if device == "cpu" else 4):
            batch = random_batch(kind, seed, where)
            torch.manual_seed(seed)
            loss = float(learner.learn(batch))
            found = gradients(model)
            optimizer.step(0.0)
            torch.manual_seed(seed)
            with torch.autocast(where.type, torch.bfloat16, enabled=device != "cpu"):
                expected_loss = model(as_heard(batch))[0]
            expected_loss.backward()
            expected = gradients(model)
            optimizer.step(0.0)
            assert loss == pytest.approx(float(expected_loss.detach()), rel=1e-2)
            assert (found - expected).norm() < 0.02 * expected.norm()


def as_heard(batch: Batch) -> Batch:
    """With the parts of recordings hidden that the learner hides for the same seed."""
    if batch.kind != "recording":
        return batch
    assert batch.media is not None
    return replace(batch, media=hide_parts(batch.media))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["picture", "text"])
def test_gradients_of_batches_add_up(kind: Kind) -> None:
    cpu = torch.device("cpu")
    model = TrainingModel()
    optimizer, learner = Optimizer(model), Learner(model)
    batches = [random_batch(kind, seed, cpu) for seed in range(2)]
    alone = []
    for batch in batches:
        learner.learn(batch)
        alone.append(gradients(model))
        optimizer.step(0.0)
    for batch in batches:
        learner.learn(batch)
    torch.testing.assert_close(gradients(model), sum(alone), rtol=1e-3, atol=1e-5)


@pytest.mark.slow
def test_a_recording_is_learned_with_parts_hidden() -> None:
    learner = Learner(TrainingModel())
    batch = random_batch("recording", 0, torch.device("cpu"))
    assert batch.media is not None
    before = batch.media.clone()
    losses = [float(learner.learn(each)) for each in (batch, batch, replace(batch))]
    assert len(set(losses)) == 3
    assert torch.equal(batch.media, before)


def gradients(model: TrainingModel) -> torch.Tensor:
    return torch.cat([gradient_of(parameter).flatten() for parameter in model.parameters()])
