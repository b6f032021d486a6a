"""Descriptions of a step's rows, from the host to the kernels. Imports no Triton."""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, slots=True, eq=False)
class QueryTiles:
    """The rows of each tile of queries: consecutive tokens of one sequence.

    All (tiles,) int32; tiles after the last have a count of 0.
    """

    sequences: Tensor  # row of the block tables
    first_rows: Tensor
    counts: Tensor
    first_places: Tensor  # in the context, of the first row


@dataclass(frozen=True, slots=True, eq=False)
class SamplingRows:
    """The sampling parameters of each row, all (rows,). A temperature of 0 is greedy."""

    uniforms: Tensor  # float32 in [0, 1)
    temperatures: Tensor  # float32
    top_p: Tensor  # float32
    top_k: Tensor  # int32; 0: no limit
    penalties: Tensor  # float32; 0: none
    counters: Tensor  # int32: the row of `counts` with the tokens generated so far, for a penalty
