"""The block tables of a step's sequences, as the rows of one array that outlives the step.

While the same sequences decode, only rows whose sequence got a block are written.
"""

import numpy as np
from numpy.typing import NDArray

from inference.engine.scheduler import Chunk

SPARE_BLOCKS = 8  # of a row, so that not every new block of the longest sequence needs a new array


class BlockTables:
    def __init__(self, padding: int) -> None:
        """`padding` is the block at the end of each row."""
        self._padding = padding
        self._versions: list[int] = []  # of the table in each row
        self._rows: NDArray[np.int64] = np.empty((0, 0), dtype=np.int64)

    def rows(self, chunks: list[Chunk]) -> NDArray[np.int64]:
        """(chunks, blocks of the longest), to be read before the next call."""
        width = max([chunk.sequence.num_blocks for chunk in chunks])
        versions = [chunk.sequence.table_version for chunk in chunks]
        if versions != self._versions:
            self._write(chunks, versions, width)
        return self._rows[:, :width]

    def _write(self, chunks: list[Chunk], versions: list[int], width: int) -> None:
        if len(versions) != len(self._versions) or width > self._rows.shape[1]:
            self._rows = np.full((len(versions), width + SPARE_BLOCKS), self._padding)
            self._versions = [-1] * len(versions)
        for row, (chunk, known) in enumerate(zip(chunks, self._versions, strict=True)):
            if chunk.sequence.table_version != known:
                count = chunk.sequence.num_blocks
                self._rows[row, :count] = chunk.sequence.block_table
                self._rows[row, count:] = self._padding
        self._versions = versions
