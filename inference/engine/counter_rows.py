"""Which row of the device's table of token counts belongs to which sequence, for frequency penalties."""

import weakref
from dataclasses import dataclass

import torch
from torch import Tensor

from inference.engine.sequence import Sequence


@dataclass(slots=True, eq=False)
class CounterRow:
    owner: weakref.ref[Sequence] | None = None
    counted: int = 0  # generated tokens that the row has counted
    used_at: int = 0


class CounterRows:
    """Owned by a runner. There are as many rows as sequences in a step; who was in none for longest gives
    its row up, and gets one back with its tokens counted anew."""

    def __init__(self, counts: Tensor) -> None:
        self.counts = counts  # (rows, vocab) int32
        self._rows = [CounterRow() for _ in counts]
        self._indices: weakref.WeakKeyDictionary[Sequence, int] = weakref.WeakKeyDictionary()
        self._uses = 0

    def use(self, sequence: Sequence) -> int:
        """Returns the sequence's row, which the step that is launched next counts its token in."""
        index = self._indices.get(sequence)
        if index is None:
            index = self._take(sequence)
        row = self._rows[index]
        generated = sequence.output_tokens + sequence.num_in_flight
        if row.counted != generated:  # it is new, or a step was repeated
            self._recount(sequence, index)
        row.counted = generated + 1
        self._uses += 1
        row.used_at = self._uses
        return index

    def _take(self, sequence: Sequence) -> int:
        index = min(range(len(self._rows)), key=lambda each: self._rows[each].used_at)
        row = self._rows[index]
        owner = row.owner() if row.owner is not None else None
        if owner is not None:
            del self._indices[owner]
        row.owner, row.counted = weakref.ref(sequence), -1
        self._indices[sequence] = index
        return index

    def _recount(self, sequence: Sequence, index: int) -> None:
        counts = self.counts[index].zero_()
        generated = sequence.token_ids[sequence.prompt_tokens :]
        if generated:
            ones = torch.ones(len(generated), dtype=counts.dtype, device=counts.device)
            counts.index_add_(0, torch.tensor(generated, device=counts.device), ones)
