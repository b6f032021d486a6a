"""Steps of matrices are orthogonal, and steps lower a loss."""

import copy

import pytest
import torch
from torch import nn

from training.cuda_graph import own_stream
from training.optimizer import Optimizer, gradient_of, orthogonalise


def test_orthogonalised_matrices_have_singular_values_near_one() -> None:
    torch.manual_seed(0)
    for shape in ((3, 16, 40), (2, 40, 16), (1, 24, 24)):
        values = torch.linalg.svdvals(orthogonalise(torch.randn(shape)))
        assert values.min() > 0.3
        assert values.max() < 1.4


def test_each_matrix_of_a_group_is_treated_alone() -> None:
    torch.manual_seed(0)
    matrices = torch.randn(3, 8, 12)
    together = orthogonalise(matrices)
    torch.testing.assert_close(together[1:2], orthogonalise(matrices[1:2]))


def test_it_learns_and_resumes_where_it_was(device: str) -> None:
    with own_stream(torch.device(device)):
        learn_and_resume(device)


def learn_and_resume(device: str) -> None:
    torch.manual_seed(0)
    inputs, model = torch.randn(64, 8, device=device), network().to(device)
    targets = inputs.flip(1)
    optimizer = Optimizer(model, device != "cpu")
    first = train(model, optimizer, inputs, targets, 30)
    other = copy.deepcopy(model)
    resumed = Optimizer(other, device != "cpu")
    resumed.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    onwards = train(model, optimizer, inputs, targets, 5)
    assert onwards < first < float((inputs.flip(1) ** 2).mean())
    assert train(other, resumed, inputs, targets, 5) == pytest.approx(
        onwards, rel=1e-6 if device == "cpu" else 1e-2
    )


def test_a_step_is_as_long_as_its_scale_and_uses_the_gradients_up(device: str) -> None:
    with own_stream(torch.device(device)):
        torch.manual_seed(0)
        model = network().to(device)
        optimizer = Optimizer(model, device != "cpu")
        lengths = []
        for scale in (1.0, 0.5, 0.0, 0.25):
            before = torch.cat([each.detach().flatten().clone() for each in model.parameters()])
            model(torch.ones(4, 8, device=device)).square().sum().backward()
            optimizer.step(scale)
            after = torch.cat([each.detach().flatten() for each in model.parameters()])
            lengths.append(float((after - before).norm()))
            assert not any(gradient_of(each).any() for each in model.parameters())
    first, half, none, quarter = lengths
    assert none == 0
    assert first > 1.3 * half > 2 * quarter > 0


def network() -> nn.Module:
    return nn.Sequential(nn.Linear(8, 32), nn.GELU(), nn.Linear(32, 8))


def train(
    model: nn.Module, optimizer: Optimizer, inputs: torch.Tensor, targets: torch.Tensor, steps: int
) -> float:
    loss = torch.zeros(())
    for _ in range(steps):
        loss = (model(inputs) - targets).square().mean()
        loss.backward()
        optimizer.step(1.0)
    return float(loss.detach())
