"""Which row of the device's table of token counts belongs to which sequence, for frequency penalties."""

import weakref
from dataclasses import dataclass

import torch
from torch import Tensor

from inference.engine.sequence import Sequence


@dataclass(slots=True, eq=False)
class CounterRow:
    index: int
    counted: int  # generated tokens that the row has counted


class CounterRows:
    """Owned by a runner. A row goes back when its sequence is freed."""

    def __init__(self, counts: Tensor) -> None:
        self.counts = counts  # (rows, vocab) int32
        self._free = list(range(len(counts)))
        self._rows: weakref.WeakKeyDictionary[Sequence, CounterRow] = weakref.WeakKeyDictionary()

    def use(self, sequence: Sequence) -> int:
        """Returns the sequence's row, which the step that is launched next counts its token in."""
        generated = sequence.output_tokens + sequence.num_in_flight
        row = self._rows.get(sequence)
        if row is None:
            row = self._rows[sequence] = CounterRow(self._free.pop(), -1)
            weakref.finalize(sequence, self._free.append, row.index)
        if row.counted != generated:  # it is new, or a step was repeated
            self._recount(sequence, row)
        row.counted = generated + 1
        return row.index

    def _recount(self, sequence: Sequence, row: CounterRow) -> None:
        counts = self.counts[row.index].zero_()
        generated = sequence.token_ids[sequence.prompt_tokens :]
        if generated:
            ones = torch.ones(len(generated), dtype=counts.dtype, device=counts.device)
            counts.index_add_(0, torch.tensor(generated, device=counts.device), ones)
