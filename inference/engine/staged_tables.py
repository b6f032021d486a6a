"""Writes what only some rows of a step have, biases and masks, into pinned memory, and copies those rows."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inference.constraints.token_constraint import Words
from inference.kernels.cuda.step_rows import SamplingTables


class StagedTables:
    """Owned by one `StepStaging`, which sees to it that the device has copied the previous tables."""

    def __init__(self, tables: SamplingTables, *, is_pinned: bool) -> None:
        def memory(table: Tensor) -> Tensor:
            return torch.zeros(table.shape, dtype=table.dtype, pin_memory=is_pinned)

        self._memory = {
            "bias_ids": memory(tables.bias_ids),
            "bias_values": memory(tables.bias_values),
            "masks": memory(tables.masks),
        }
        self._arrays: dict[str, NDArray[np.generic]] = {
            name: table.numpy() for name, table in self._memory.items()
        }
        self.used = {"biases": 0, "masks": 0, "kept": 0}  # rows

    def add_biases(self, biases: tuple[tuple[int, float], ...]) -> int:
        """Returns the row."""
        row = self._take("biases")
        token_ids, values = zip(*biases, strict=True)
        self._arrays["bias_ids"][row, : len(biases)] = token_ids
        self._arrays["bias_values"][row, : len(biases)] = values
        return row

    def add_mask(self, words: Words) -> int:
        """Returns the row."""
        row = self._take("masks")
        self._arrays["masks"][row] = words
        return row

    def add_kept(self) -> int:
        """Returns the row in which the device keeps the logits."""
        return self._take("kept")

    def copy(self, tables: SamplingTables) -> None:
        """On the current stream."""
        biases, masks = self.used["biases"], self.used["masks"]
        if biases:
            tables.bias_ids[:biases].copy_(self._memory["bias_ids"][:biases], non_blocking=True)
            tables.bias_values[:biases].copy_(self._memory["bias_values"][:biases], non_blocking=True)
        if masks:
            tables.masks[:masks].copy_(self._memory["masks"][:masks], non_blocking=True)

    def clear(self) -> None:
        """The tables of the next step begin empty."""
        self.used = dict.fromkeys(self.used, 0)

    def _take(self, name: str) -> int:
        row = self.used[name]
        self.used[name] = row + 1
        return row
