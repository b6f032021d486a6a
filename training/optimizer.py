"""Muon for matrices, AdamW for the rest.

Muon: Keller Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks". The step
of a matrix is its momentum made orthogonal by five Newton-Schulz iterations.
"""

from collections import defaultdict

import torch
from torch import Tensor, nn

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
ITERATIONS = 5
MOMENTUM = 0.95
MATRIX_RATE = 0.015
OTHER_RATE = 2e-3
EMBEDDING_RATE = 4e-3
WEIGHT_DECAY = 0.05  # of matrices, times the rate


class Optimizer:
    """`step(scale)` multiplies all rates by `scale`."""

    def __init__(self, model: nn.Module) -> None:
        self._matrices: dict[torch.Size, list[nn.Parameter]] = defaultdict(list)
        others: list[nn.Parameter] = []
        embeddings: list[nn.Parameter] = []
        seen: set[int] = set()
        for name, parameter in model.named_parameters():
            if id(parameter) in seen:
                continue
            seen.add(id(parameter))
            if "embed_tokens" in name or name in ("transcriber.weight", "reader.weight"):
                embeddings.append(parameter)
            elif parameter.dim() >= 2:
                self._matrices[parameter.flatten(1).shape].append(parameter)
            else:
                others.append(parameter)
        device = next(model.parameters()).device
        self._momenta = {
            shape: torch.zeros((len(group), *shape), device=device) for shape, group in self._matrices.items()
        }
        self._adam = torch.optim.AdamW(
            [{"params": others, "rate": OTHER_RATE}, {"params": embeddings, "rate": EMBEDDING_RATE}],
            lr=OTHER_RATE,
            betas=(0.9, 0.98),
            weight_decay=0.0,
            fused=device.type == "cuda",
        )

    @torch.no_grad()
    def step(self, scale: float) -> None:
        """Uses the gradients and clears them."""
        for settings in self._adam.param_groups:
            settings["lr"] = settings["rate"] * scale
        self._adam.step()
        self._adam.zero_grad()
        for shape, group in self._matrices.items():
            self._step_matrices(group, self._momenta[shape], MATRIX_RATE * scale)

    def _step_matrices(self, group: list[nn.Parameter], momentum: Tensor, rate: float) -> None:
        gradients = torch.stack(
            [torch.zeros_like(each) if each.grad is None else each.grad for each in group]
        ).flatten(2)
        momentum.lerp_(gradients, 1 - MOMENTUM)
        updates = orthogonalise(gradients.lerp_(momentum, MOMENTUM))  # Nesterov's
        stretch = max(1.0, updates.shape[1] / updates.shape[2]) ** 0.5
        for parameter, update in zip(group, updates, strict=True):
            parameter.mul_(1 - rate * WEIGHT_DECAY)
            parameter.add_(update.view_as(parameter), alpha=-rate * stretch)
            parameter.grad = None

    def state_dict(self) -> dict[str, object]:
        return {"momenta": list(self._momenta.values()), "adam": self._adam.state_dict()}

    def load_state_dict(self, state: dict[str, object]) -> None:
        momenta, adam = state["momenta"], state["adam"]
        assert isinstance(momenta, list)
        assert isinstance(adam, dict)
        for ours, saved in zip(self._momenta.values(), momenta, strict=True):
            ours.copy_(saved)
        self._adam.load_state_dict(adam)


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
