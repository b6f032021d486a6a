"""What the host tells the kernels about the rows of a step. Imports no Triton."""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, slots=True, eq=False)
class QueryTiles:
    """Which rows of a step make a tile of queries: consecutive tokens of one sequence.

    All (tiles,) int32; tiles beyond the last have a count of 0.
    """

    sequences: Tensor  # row of the block tables
    first_rows: Tensor
    counts: Tensor
    first_places: Tensor  # in the context, of the first row


@dataclass(frozen=True, slots=True, eq=False)
class SamplingRows:
    """What decides each row's token, all (rows,). A temperature of 0 is greedy."""

    uniforms: Tensor  # float32 in [0, 1)
    temperatures: Tensor  # float32
    top_p: Tensor  # float32
    top_k: Tensor  # int32; 0: no limit
    penalties: Tensor  # float32; 0: none
    counters: Tensor  # int32: the row of `counts` with the tokens generated so far, for a penalty
