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
    """The sampling parameters of each row, all (rows,). A temperature of 0 is greedy.

    The rows of tables are int32; -1: none.
    """

    uniforms: Tensor  # float32 in [0, 1)
    temperatures: Tensor  # float32
    top_p: Tensor  # float32
    top_k: Tensor  # int32; 0: no limit
    penalties: Tensor  # float32, for each time that a token was generated
    presences: Tensor  # float32, if it was generated at all
    counters: Tensor  # the row of `counts` with the tokens generated so far, for penalties
    biases: Tensor  # the row of the tables of biases
    bias_counts: Tensor  # int32: how many of that row
    masks: Tensor  # the row of the table of masks
    kept: Tensor  # the row of the table that keeps the logits as they are


@dataclass(frozen=True, slots=True, eq=False)
class SamplingTables:
    """What only some rows have. The host writes all but `kept`."""

    bias_ids: Tensor  # (rows, biases) int32
    bias_values: Tensor  # (rows, biases) float32
    masks: Tensor  # (rows, vocab / 32) int32: bit n of word w allows token 32 * w + n
    kept: Tensor  # (rows, vocab) float32
