"""Writes the inputs of a step into pinned memory, and copies them to the device in one piece."""

from collections.abc import Collection, Mapping
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from inference.engine.counter_rows import CounterRows
from inference.engine.model_runner import multimodal_positions
from inference.engine.scheduler import Chunk
from inference.engine.sequence import Sequence
from inference.engine.staged_tables import StagedTables
from inference.models.cuda.inputs import StepInputs

SAMPLING: Final[dict[str, float]] = {  # columns, and what they have in a greedy row
    "uniforms": 0.0,
    "temperatures": 0.0,
    "top_p": 1.0,
    "top_k": 0,
    "penalties": 0.0,
    "presences": 0.0,
    "counters": -1,
    "biases": -1,
    "bias_counts": 0,
    "masks": -1,
    "kept": -1,
}
Values = Collection[float] | NDArray[np.int64]
FLOATS = ("uniforms", "temperatures", "top_p", "penalties", "presences")


class StepStaging:
    """One of two that are used in turn: while the devices copy from one, the host fills the other.

    `more_inputs` are those of further devices that share the layers; they get the same numbers. The last of
    them draws the tokens.
    """

    def __init__(
        self, inputs: StepInputs, counter_rows: CounterRows, more_inputs: tuple[StepInputs, ...] = ()
    ) -> None:
        self._inputs = inputs
        self._all_inputs = (inputs, *more_inputs)
        self._counter_rows = counter_rows
        self._offsets = inputs.layout.offsets()
        is_pinned = inputs.numbers.is_cuda
        self._memory = torch.zeros(inputs.layout.size, dtype=torch.int32, pin_memory=is_pinned)
        self._numbers: NDArray[np.int32] = self._memory.numpy()
        self._floats: NDArray[np.float32] = self._numbers.view(np.float32)
        self._tables = StagedTables(self._all_inputs[-1].tables_of_some, is_pinned=is_pinned)
        self._copied: list[torch.cuda.Event] = []

    def write_decode(self, chunks: list[Chunk], rows: int, drawn_rows: Mapping[Sequence, int]) -> None:
        """One token of each sequence, in a bucket of `rows`. An id that is not known yet is written as
        -1 - row, with the row from `drawn_rows` in which the previous step draws it."""
        self._wait()
        ids, positions, lengths = [], [], []
        for sequence, start, end in chunks:
            is_known = start < len(sequence.token_ids)
            ids.append(sequence.token_ids[start] if is_known else -1 - drawn_rows[sequence])
            positions.append(_position(sequence, start))
            lengths.append(end)
        padding = [0] * (rows - len(chunks))
        self._put("ids", ids + padding)
        self._put("lengths", lengths + padding)
        count = self._inputs.layout.parts["positions"] // 3
        for axis, places in enumerate(zip(*positions, strict=True)):
            self._put("positions", places, axis * count)
        self._write_sampling([chunk.sequence if chunk.is_sampled else None for chunk in chunks], rows)
        self._copy("ids", self._write_tables(chunks))

    def write_prefill(self, chunks: list[Chunk], rows: int, tiles: int, tile_tokens: int) -> None:
        """Any chunks, in `rows` rows and `tiles` tiles of queries."""
        self._wait()
        sizes = np.array([chunk.end - chunk.start for chunk in chunks])
        count = int(sizes.sum())
        token_ids: list[int] = []
        for sequence, start, end in chunks:
            token_ids += sequence.token_ids[start:end]
        self._put("prefill_ids", token_ids)
        positions = multimodal_positions(chunks).numpy()
        for axis in range(3):
            self._put("prefill_positions", positions[axis], axis * self._inputs.layout.rows)
        self._put("slots", self._slots(chunks))
        self._fill("slots", -1, count, rows)
        self._write_tiles(chunks, sizes, tiles, tile_tokens)
        self._copy("prefill_ids", self._write_tables(chunks))

    def write_picked(self, sequences: list[Sequence], picked: list[int], rows: int) -> None:
        """The rows of a prefill step that are sampled, and their sampling parameters."""
        self._wait()
        self._put("picked", picked + [0] * (rows - len(picked)))
        self._write_sampling([*sequences], rows)
        self._copy("picked", self._offsets["table_stride"])

    def _write_sampling(self, sequences: list[Sequence | None], rows: int) -> None:
        """None: nothing is drawn for the row that would be used."""
        columns: dict[str, list[float]] = {name: [] for name in SAMPLING}
        self._tables.clear()
        for sequence in sequences:
            row = self._sampling_row(sequence) if sequence is not None else {}
            for name, default in SAMPLING.items():
                columns[name].append(row.get(name, default))
        for name, values in columns.items():
            self._put(name, values + [SAMPLING[name]] * (rows - len(values)))
        self._tables.copy(self._all_inputs[-1].tables_of_some)

    def _sampling_row(self, sequence: Sequence) -> dict[str, float]:
        """The columns of one row that differ from SAMPLING."""
        params = sequence.sampling_params
        row: dict[str, float] = {}
        if not params.is_greedy:
            row = {
                "uniforms": sequence.draw_uniform(),
                "temperatures": params.temperature,
                "top_p": params.top_p,
                "top_k": max(params.top_k, 0),
            }
        if params.has_penalty:
            row["penalties"] = params.frequency_penalty
            row["presences"] = params.presence_penalty
            row["counters"] = self._counter_rows.use(sequence)
        if params.logit_bias:
            row["biases"] = self._tables.add_biases(params.logit_bias)
            row["bias_counts"] = len(params.logit_bias)
        if sequence.guide is not None and sequence.guide.is_active:
            row["masks"] = self._tables.add_mask(sequence.guide.mask())
        if params.logprobs is not None:
            row["kept"] = self._tables.add_kept()
        return row

    def _slots(self, chunks: list[Chunk]) -> NDArray[np.int64]:
        size = chunks[0].sequence.block_size
        pieces = []
        for sequence, start, end in chunks:
            places = np.arange(start, end)
            pieces.append(sequence.block_table[places // size] * size + places % size)
        return np.concatenate(pieces)

    def _write_tiles(
        self, chunks: list[Chunk], sizes: NDArray[np.int64], tiles: int, tile_tokens: int
    ) -> None:
        """The tiles with most keys come first, so that none of them starts last."""
        rows = np.concatenate([[0], sizes.cumsum()])
        found = [
            (index, rows[index] + start, min(tile_tokens, end - begin - start), begin + start)
            for index, (_, begin, end) in enumerate(chunks)
            for start in range(0, end - begin, tile_tokens)
        ]
        found.sort(key=lambda tile: -tile[3])
        names = ("tile_sequences", "tile_rows", "tile_counts", "tile_places")
        for name, column in zip(names, zip(*found, strict=True), strict=True):
            self._put(name, column)
        self._fill("tile_counts", 0, len(found), tiles)

    def _write_tables(self, chunks: list[Chunk]) -> int:
        """Returns the end of the last table."""
        width = max(chunk.sequence.num_blocks for chunk in chunks)
        self._put("table_stride", [width])
        at = self._offsets["tables"]
        for chunk in chunks:
            table = chunk.sequence.block_table
            self._numbers[at : at + len(table)] = table
            at += width
        return at

    def _put(self, name: str, values: Values, offset: int = 0) -> None:
        numbers = self._floats if name in FLOATS else self._numbers
        start = self._offsets[name] + offset
        numbers[start : start + len(values)] = np.asarray(values)

    def _fill(self, name: str, value: int, start: int, end: int) -> None:
        offset = self._offsets[name]
        self._numbers[offset + start : offset + end] = value

    def _wait(self) -> None:
        """Waits until the devices have copied the previous inputs."""
        for copied in self._copied:
            copied.synchronize()

    def _copy(self, first: str, end: int) -> None:
        """Copies from the part `first` to `end`, on the current stream of each device."""
        start = self._offsets[first]
        if self._inputs.numbers.is_cuda and not self._copied:
            self._copied = [torch.cuda.Event() for _ in self._all_inputs]  # type: ignore[no-untyped-call]  # torch's own
        for inputs in self._all_inputs:
            inputs.numbers[start:end].copy_(self._memory[start:end], non_blocking=True)
        for copied, inputs in zip(self._copied, self._all_inputs, strict=False):
            copied.record(torch.cuda.current_stream(inputs.numbers.device))


def _position(sequence: Sequence, place: int) -> tuple[int, int, int]:
    """The position of one token on the axes of time, height and width."""
    known = sequence.prompt.positions
    if known is not None and place < sequence.prompt_tokens:
        time, height, width = known[:, place].tolist()
        return time, height, width
    position = place + sequence.next_position - sequence.prompt_tokens
    return position, position, position
