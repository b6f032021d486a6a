"""The rows of the device's table of token counts, one per sequence with a frequency penalty."""

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
    """Owned by a runner. There are as many rows as a step has sequences. A sequence that needs a row gets the
    one that was unused for longest, and its tokens are counted again."""

    def __init__(self, counts: Tensor) -> None:
        self.counts = counts  # (rows, vocab) int32
        self._rows = [CounterRow() for _ in counts]
        self._indices: weakref.WeakKeyDictionary[Sequence, int] = weakref.WeakKeyDictionary()
        self._uses = 0

    def use(self, sequence: Sequence) -> int:
        """Returns the sequence's row, in which the next step to be launched counts its token."""
        index = self._indices.get(sequence)
        if index is None:
            index = self._take(sequence)
        row = self._rows[index]
        generated = sequence.output_tokens + sequence.num_in_flight
        if row.counted != generated:  # the row is new, or a step was repeated
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
