"""The inputs of decode steps, in arrays that outlive a step: each has one new token of every sequence.

With sixteen sequences, making them anew takes longer than anything else between two steps.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inference.engine.block_tables import BlockTables
from inference.engine.scheduler import Chunk
from inference.kernels.forward_batch import ForwardBatch

Numbers = NDArray[np.int64]


class DecodeInputs:
    """Used for one step after the other: each overwrites the tensors of the step before."""

    def __init__(self, block_tables: BlockTables, block_size: int) -> None:
        self._block_tables = block_tables
        self._block_size = block_size
        self._tables: Numbers = np.empty((0, 0), dtype=np.int64)  # (sequences, blocks)
        self._resize(0)

    def write(self, chunks: list[Chunk]) -> tuple[Tensor, ForwardBatch]:
        """Returns the token ids, (sequences,) int64, and the batch, both on the CPU.

        Positions count from the start of each sequence.
        """
        if len(chunks) != len(self._starts):
            self._resize(len(chunks))
        tables = self._block_tables.rows(chunks)
        if tables.base is not self._tables.base or tables.shape != self._tables.shape:
            self._use(tables)
        self._ids[:] = [sequence.token_ids[start] for sequence, start, _ in chunks]
        self._starts[:] = [start for _, start, _ in chunks]
        np.add(self._starts, 1, out=self._lengths)
        blocks = self._starts // self._block_size
        # A slot is block * block_size + start - index of the block * block_size.
        np.subtract(self._flat_tables.take(self._first_places + blocks), blocks, out=self._slots)
        np.multiply(self._slots, self._block_size, out=self._slots)
        np.add(self._slots, self._starts, out=self._slots)
        return self._token_ids, self._batch

    def _resize(self, count: int) -> None:
        self._ids, self._starts, self._lengths, self._slots = np.zeros((4, count), dtype=np.int64)
        self._token_ids = torch.from_numpy(self._ids)
        self._query_starts = torch.arange(count + 1)
        self._use(np.empty((count, 0), dtype=np.int64))

    def _use(self, tables: Numbers) -> None:
        """`tables` may be the first columns of an array of more."""
        self._tables = tables
        whole = tables if tables.base is None else tables.base
        assert whole.flags.c_contiguous
        self._flat_tables = whole.reshape(-1)
        self._first_places = np.arange(len(whole)) * whole.shape[1]
        self._batch = ForwardBatch(
            token_positions=torch.from_numpy(self._starts),
            slot_mapping=torch.from_numpy(self._slots),
            query_starts=self._query_starts,
            context_lengths=torch.from_numpy(self._lengths),
            block_tables=torch.from_numpy(tables),
            is_decode=True,
        )
