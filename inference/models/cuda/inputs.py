"""The inputs of a step from the host, in one piece of int32 that is copied to the device at once.

The parts that a decode step needs are together, at the end. Block tables are last, as wide as the step needs.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from inference.constraints.bounds import MAX_BIASES
from inference.kernels.cuda.step_rows import QueryTiles, SamplingRows, SamplingTables
from inference.kernels.cuda.tiles import DECODE_ROWS

TABLE_ROWS = ("counters", "biases", "masks", "kept")  # parts with rows of tables; -1: none
ALIGNMENT = 64  # int32 numbers: every part begins at a multiple of 256 bytes


@dataclass(frozen=True, slots=True)
class InputLayout:
    """The parts and their offsets, in numbers. `rows` and `tiles` are those of the largest prefill step."""

    rows: int
    tiles: int
    sequences: int
    blocks: int  # of the longest context
    vocab_size: int

    @property
    def parts(self) -> dict[str, int]:
        """Names and sizes, in order. A prefill step needs all parts, a decode step those from `ids` on."""
        decode = DECODE_ROWS
        return {
            "prefill_ids": self.rows,
            "prefill_positions": 3 * self.rows,
            "slots": self.rows,
            "tile_sequences": self.tiles,
            "tile_rows": self.tiles,
            "tile_counts": self.tiles,
            "tile_places": self.tiles,
            "picked": decode,
            "ids": decode,
            "positions": 3 * decode,
            "lengths": decode,
            "uniforms": decode,
            "temperatures": decode,
            "top_p": decode,
            "top_k": decode,
            "penalties": decode,
            "presences": decode,
            "counters": decode,
            "biases": decode,
            "bias_counts": decode,
            "masks": decode,
            "kept": decode,
            "table_stride": 1,
            "tables": self.sequences * self.blocks,
        }

    def offsets(self) -> dict[str, int]:
        offsets, end = {}, 0
        for name, size in self.parts.items():
            offsets[name] = end
            end += -(-size // ALIGNMENT) * ALIGNMENT
        return offsets

    @property
    def size(self) -> int:
        return self.offsets()["tables"] + self.parts["tables"]


class StepInputs:
    """The inputs on the device, with the parts that the kernels take. `tables_of_some` rows alone are copied
    when a step has such rows."""

    def __init__(self, layout: InputLayout, device: torch.device) -> None:
        self.layout = layout
        self.numbers = torch.zeros(layout.size, dtype=torch.int32, device=device)
        self.table_stride = self.part("table_stride")
        self.tables = self.part("tables")
        self.sampling = SamplingRows(
            self.part("uniforms").view(torch.float32),
            self.part("temperatures").view(torch.float32),
            self.part("top_p").view(torch.float32),
            self.part("top_k"),
            self.part("penalties").view(torch.float32),
            self.part("presences").view(torch.float32),
            self.part("counters"),
            self.part("biases"),
            self.part("bias_counts"),
            self.part("masks"),
            self.part("kept"),
        )
        for name in TABLE_ROWS:
            self.part(name).fill_(-1)
        words = -(-layout.vocab_size // 32)
        self.tables_of_some = SamplingTables(
            bias_ids=torch.zeros(DECODE_ROWS, MAX_BIASES, dtype=torch.int32, device=device),
            bias_values=torch.zeros(DECODE_ROWS, MAX_BIASES, device=device),
            masks=torch.zeros(DECODE_ROWS, words, dtype=torch.int32, device=device),
            kept=torch.zeros(DECODE_ROWS, layout.vocab_size, device=device),
        )

    def part(self, name: str) -> Tensor:
        start = self.layout.offsets()[name]
        return self.numbers[start : start + self.layout.parts[name]]

    def query_tiles(self, count: int) -> QueryTiles:
        """The first `count` tiles."""
        names = ("tile_sequences", "tile_rows", "tile_counts", "tile_places")
        return QueryTiles(*(self.part(name)[:count] for name in names))
