"""Learning gives the gradients of a plain forward and backward pass, from CUDA graphs too."""

from dataclasses import replace

import pytest
import torch

from training.architecture import SPEECH, TEXT, VISION
from training.batches import Batch, Kind
from training.cells import NOTHING
from training.cuda_graph import own_stream
from training.example import FRAME
from training.forward import TrainingModel, precision
from training.learner import Learner
from training.optimizer import gradient_of
from training.speech.spec_augment import mask_spectrograms
from training.train import KINDS

ROWS, LENGTH, COLUMNS = 3, 64, 4


def random_batch(kind: Kind, seed: int, device: torch.device, columns: int = COLUMNS) -> Batch:
    """All batches of a kind and number of columns have one shape; rows of text do not depend on it."""
    generator = torch.Generator().manual_seed(seed)

    def integers(end: int, *shape: int) -> torch.Tensor:
        return torch.randint(end, shape, generator=generator)

    cell = VISION.cell_size
    media = integers(256, ROWS, 3, 2 * cell, columns * cell).to(torch.uint8)
    contents = integers(TEXT.vocab_size, ROWS, 2 * columns, 6)
    places, lengths = None, None
    if kind == "picture":
        places = integers(FRAME, ROWS, LENGTH, 4).to(torch.int16)
        places[:, ::3] = -1
    if kind == "recording":
        media = torch.rand(
            ROWS, SPEECH.num_mels, 2 * columns * SPEECH.frames_per_token, generator=generator
        ).half()
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
        places=places,
        contents=None if kind == "text" else contents,
        transcript_lengths=lengths,
    )
    return batch.to(device)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_each_batch_of_a_shape_gives_its_own_gradients(kind: Kind, device: str) -> None:
    where = torch.device(device)
    model = TrainingModel().to(where)
    learner = made(model)
    with own_stream(where):
        for seed in range(2 if device == "cpu" else 4):
            batch = random_batch(kind, seed, where)
            torch.manual_seed(seed)
            loss = float(learner.learn(batch))
            found = take_gradients(model)
            assert loss == pytest.approx(learn_plainly(model, batch, seed), rel=1e-2)
            check(found, take_gradients(model))


@pytest.mark.slow
def test_gradients_of_all_kinds_and_shapes_add_up_in_turns(device: str) -> None:
    """On CUDA, graphs that share memory do not disturb each other."""
    where = torch.device(device)
    model = TrainingModel().to(where)
    learner = made(model)
    shapes = [(kind, columns) for columns in (2, COLUMNS) for kind in KINDS]
    if device == "cpu":  # where a batch takes seconds
        shapes = shapes[1:4]
    with own_stream(where):
        for turn in range(1 if device == "cpu" else 4):
            batches = [random_batch(kind, turn, where, columns) for kind, columns in shapes]
            for seed, batch in enumerate(batches):
                torch.manual_seed(seed)
                learner.learn(batch)
            found = take_gradients(model)
            for seed, batch in enumerate(batches):
                learn_plainly(model, batch, seed)
            check(found, take_gradients(model))


@pytest.mark.slow
def test_a_recording_is_learned_with_parts_masked() -> None:
    learner = made(TrainingModel())
    batch = random_batch("recording", 0, torch.device("cpu"))
    assert batch.media is not None
    before = batch.media.clone()
    assert float(learner.learn(batch)) != float(learner.learn(batch))
    assert torch.equal(batch.media, before)


def made(model: TrainingModel) -> Learner:
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    return Learner(model, is_captured=next(model.parameters()).is_cuda)


def learn_plainly(model: TrainingModel, batch: Batch, seed: int) -> float:
    """With the masks that the learner draws after the same seed."""
    torch.manual_seed(seed)
    if batch.kind == "recording":
        assert batch.media is not None
        batch = replace(batch, media=mask_spectrograms(batch.media))
    with precision(batch.token_ids.device):
        loss, _ = model(batch)
    loss.backward()
    return float(loss.detach())


def take_gradients(model: TrainingModel) -> dict[str, torch.Tensor]:
    """Leaves zeros."""
    taken = {name: gradient_of(each).clone() for name, each in model.named_parameters()}
    for parameter in model.parameters():
        gradient_of(parameter).zero_()
    return taken


def check(found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> None:
    """Parameter by parameter; what rounds to nothing beside the largest gradient may differ."""
    largest = max(float(each.norm()) for each in expected.values())
    for name, each in expected.items():
        assert float((found[name] - each).norm()) < 0.03 * float(each.norm()) + 1e-4 * largest, name
