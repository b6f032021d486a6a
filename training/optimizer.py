"""Muon for matrices, AdamW for the rest.

Muon: Keller Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks". The step
of a matrix is its momentum made orthogonal by five Newton-Schulz iterations.
"""

from collections import defaultdict

import torch
from torch import Tensor, nn

from training.cuda_graph import GraphedFunction

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
ITERATIONS = 5
MOMENTUM = 0.95
MATRIX_RATE = 0.015
OTHER_RATE = 2e-3
EMBEDDING_RATE = 4e-3
WEIGHT_DECAY = 0.05  # of matrices, times the rate
CLIP_NORM = 1.0  # of all gradients together


class Optimizer:
    """`step(scale)` multiplies all rates by `scale`. Gives all parameters gradients to add to."""

    def __init__(self, model: nn.Module, is_captured: bool) -> None:
        self._matrices: dict[torch.Size, list[nn.Parameter]] = defaultdict(list)
        others: list[nn.Parameter] = []
        embeddings: list[nn.Parameter] = []
        for name, parameter in model.named_parameters():
            parameter.grad = torch.zeros_like(parameter)
            if "embed_tokens" in name or name in ("transcriber.weight", "reader.weight"):
                embeddings.append(parameter)
            elif parameter.dim() >= 2:
                self._matrices[parameter.flatten(1).shape].append(parameter)
            else:
                others.append(parameter)
        device = next(model.parameters()).device
        self._parameters = list(model.parameters())
        self._scale = torch.zeros((), device=device)
        self._momenta = {
            shape: torch.zeros((len(group), *shape), device=device) for shape, group in self._matrices.items()
        }
        self._adam = torch.optim.AdamW(
            [
                {"params": group, "rate": rate, "lr": torch.zeros((), device=device)}
                for group, rate in ((others, OTHER_RATE), (embeddings, EMBEDDING_RATE))
            ],
            betas=(0.9, 0.98),
            weight_decay=0.0,
            fused=device.type == "cuda",
            capturable=device.type == "cuda",
        )
        self._update = GraphedFunction(self._update_parameters, is_captured)

    @torch.no_grad()
    def step(self, scale: float) -> None:
        """Uses the gradients and clears them."""
        self._scale.fill_(scale)
        for settings in self._adam.param_groups:
            settings["lr"].fill_(settings["rate"] * scale)
        self._update()

    def _update_parameters(self) -> None:
        torch.nn.utils.clip_grad_norm_(self._parameters, CLIP_NORM)
        self._adam.step()
        for shape, group in self._matrices.items():
            self._step_matrices(group, self._momenta[shape])
        torch._foreach_zero_([gradient_of(each) for each in self._parameters])

    def _step_matrices(self, group: list[nn.Parameter], momentum: Tensor) -> None:
        gradients = torch.stack([gradient_of(each).flatten(1) for each in group])
        momentum.lerp_(gradients, 1 - MOMENTUM)
        updates = orthogonalise(gradients.lerp_(momentum, MOMENTUM))  # Nesterov's
        stretch = max(1.0, updates.shape[1] / updates.shape[2]) ** 0.5
        rate = MATRIX_RATE * self._scale
        values: list[Tensor] = [*group]
        torch._foreach_mul_(values, 1 - rate * WEIGHT_DECAY)
        steps = updates * (rate * stretch)
        torch._foreach_sub_(values, [step.view_as(each) for step, each in zip(steps, group, strict=True)])

    def state_dict(self) -> dict[str, object]:
        return {"momenta": list(self._momenta.values()), "adam": self._adam.state_dict()["state"]}

    def load_state_dict(self, state: dict[str, object]) -> None:
        momenta, adam = state["momenta"], state["adam"]
        assert isinstance(momenta, list)
        assert isinstance(adam, dict)
        for ours, saved in zip(self._momenta.values(), momenta, strict=True):
            ours.copy_(saved)
        groups = self._adam.state_dict()["param_groups"]  # how to step is ours, not the saved one's
        self._adam.load_state_dict({"state": adam, "param_groups": groups})


def gradient_of(parameter: nn.Parameter) -> Tensor:
    assert parameter.grad is not None
    return parameter.grad


def orthogonalise(matrices: Tensor) -> Tensor:
    """(n, rows, columns) -> the same shape, singular values near 1."""
    a, b, c = COEFFICIENTS
    work = matrices.bfloat16() if matrices.is_cuda else matrices
    is_tall = work.shape[1] > work.shape[2]
    work = work.mT if is_tall else work
    work = work / (work.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(ITERATIONS):
        square = work @ work.mT
        work = a * work + (b * square + c * square @ square) @ work
    result: Tensor = (work.mT if is_tall else work).to(matrices.dtype)
    return result
