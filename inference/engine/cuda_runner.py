"""Computes steps on an NVIDIA GPU, with CUDA graphs by bucket. Tokens are drawn without the host.

A decode step of up to 64 sequences is one graph. A prefill up to the largest bucket is one graph for the
layers and one for the head. The kernels of longer prefills are launched one by one.
"""

import logging
import time
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Tensor

from inference.config import EngineConfig
from inference.devices import compute_capability, measure_memory
from inference.engine.cache_tensors import count_blocks
from inference.engine.counter_rows import CounterRows
from inference.engine.kv_cache import blocks_for
from inference.engine.model_runner import ModelRunner
from inference.engine.pending_step import PendingStep
from inference.engine.scheduler import Chunk
from inference.engine.sequence import Sequence
from inference.engine.step_staging import StepStaging
from inference.kernels.cuda.tiles import DECODE_BUCKETS, DECODE_ROWS, PREFILL_BUCKETS
from inference.models.cuda.buffers import DecodeBuffers, PrefillBuffers
from inference.models.cuda.decode_step import DecodeStep
from inference.models.cuda.graphs import capture, compile_kernels, run
from inference.models.cuda.head import Launch, picked_head_launches
from inference.models.cuda.inputs import InputLayout, StepInputs
from inference.models.cuda.prefill_step import PrefillStep, tokens_per_tile
from inference.models.decoder import Decoder

logger = logging.getLogger(__name__)

LONGEST_STEP = 4096  # tokens
STAGINGS = 2
GIGABYTE = 1e9


@dataclass(slots=True)
class _Graphs:
    """By bucket."""

    decode: dict[int, torch.cuda.CUDAGraph]
    prefill: dict[int, torch.cuda.CUDAGraph]
    head: dict[int, torch.cuda.CUDAGraph]  # after a short prefill
    long_head: dict[int, torch.cuda.CUDAGraph]


class CudaRunner(ModelRunner):
    """See `StepExecutor`. For decoders and devices that `missing_support` accepts.

    Compiles the kernels and captures the graphs when it is created.
    """

    max_ahead_sequences = DECODE_ROWS
    max_step_tokens = LONGEST_STEP
    idle_chunk_tokens = LONGEST_STEP
    min_forced_chunk = 4

    def __init__(
        self, decoder: Decoder, device: torch.device, config: EngineConfig, context_length: int
    ) -> None:
        before = torch.cuda.memory_allocated(device)
        self._own_decoder = decoder
        self._capability = compute_capability(device)
        sequences = config.max_running_requests
        with torch.inference_mode():
            self._buffers = DecodeBuffers(decoder, device, max(sequences, 1))
            self._short = PrefillBuffers(decoder, device, PREFILL_BUCKETS[-1], has_digits=True)
            self._long = PrefillBuffers(decoder, device, LONGEST_STEP, has_digits=False)
            self._tile_tokens = tokens_per_tile(decoder.config, self._capability)
            blocks = blocks_for(context_length, config.block_size)
            layout = InputLayout(LONGEST_STEP, self._tiles(LONGEST_STEP, sequences), sequences, blocks)
            self._inputs = StepInputs(layout, device)
        buffers = torch.cuda.memory_allocated(device)
        wanted_tokens = context_length * sequences
        num_blocks = count_blocks(decoder, device, config.block_size, wanted_tokens, config.kv_cache_tokens)
        super().__init__(decoder, device, num_blocks, config.block_size)
        self._max_sequences = sequences
        logger.info(
            "%s: %.1f GB of weights, %.1f of buffers, %.1f of cache for %d tokens; %.1f are free for towers",
            device,
            before / GIGABYTE,
            (buffers - before) / GIGABYTE,
            (torch.cuda.memory_allocated(device) - buffers) / GIGABYTE,
            num_blocks * config.block_size,
            measure_memory(device).free_bytes / GIGABYTE,
        )
        counter_rows = CounterRows(self._buffers.counts)
        self._stagings = [StepStaging(self._inputs, counter_rows) for _ in range(STAGINGS)]
        self._drawn = [
            torch.zeros(max(sequences, 1), dtype=torch.int32, pin_memory=True) for _ in range(STAGINGS)
        ]
        # Weak: an idle engine must not hold the last prompts and their pictures.
        self._drawn_rows: WeakKeyDictionary[Sequence, int] = WeakKeyDictionary()
        self._graphs = self._capture()

    @torch.inference_mode()
    def run(self, chunks: list[Chunk]) -> list[int | None]:
        return self.launch(chunks).wait()

    @torch.inference_mode()
    def launch(self, chunks: list[Chunk]) -> PendingStep:
        sampled = [index for index, chunk in enumerate(chunks) if chunk.is_sampled]
        is_decode = len(sampled) == len(chunks) and all(chunk.end - chunk.start == 1 for chunk in chunks)
        if is_decode and len(chunks) <= DECODE_ROWS:
            rows = _bucket(DECODE_BUCKETS, len(chunks))
            self._next_staging().write_decode(chunks, rows, self._drawn_rows)
            self._graphs.decode[rows].replay()
            drawn = self._next_drawn()
            self._copy_drawn(drawn, 0, len(chunks))
            return self._pending_step(chunks, sampled, drawn)
        self._prefill(chunks)
        ends = np.cumsum([chunk.end - chunk.start for chunk in chunks]).tolist()
        is_short = ends[-1] <= PREFILL_BUCKETS[-1]
        groups = [sampled[start : start + DECODE_ROWS] for start in range(0, len(sampled), DECODE_ROWS)]
        drawn = self._next_drawn()
        for number, group in enumerate(groups):
            self._draw(chunks, group, ends, is_short=is_short)
            self._copy_drawn(drawn, number * DECODE_ROWS, len(group))
        return self._pending_step(chunks, sampled, drawn)

    def replay_decode(self, rows: int) -> None:
        """Repeats the last decode step of that bucket, for benchmarks."""
        self._graphs.decode[rows].replay()

    def clear(self, blocks: list[int]) -> None:
        """Does nothing: the kernels read no slot after a context's end."""

    def note_token(self, sequence: Sequence, token_id: int) -> None:
        """Does nothing: the device counts tokens itself."""

    def _prefill(self, chunks: list[Chunk]) -> None:
        count = sum(chunk.end - chunk.start for chunk in chunks)
        is_short = count <= PREFILL_BUCKETS[-1]
        rows = _bucket(PREFILL_BUCKETS, count) if is_short else count
        tiles = self._tiles(rows, self._max_sequences if is_short else len(chunks))
        self._next_staging().write_prefill(chunks, rows, tiles, self._tile_tokens)
        residual = (self._short if is_short else self._long).residual
        residual[:count] = self._embed(chunks, self._inputs.part("prefill_ids")[:count])
        if is_short:
            self._graphs.prefill[rows].replay()
        else:
            run(self._prefill_step(rows, tiles, is_short=False).launches())

    def _draw(self, chunks: list[Chunk], group: list[int], ends: list[int], *, is_short: bool) -> None:
        rows = _bucket(DECODE_BUCKETS, len(group))
        sequences = [chunks[index].sequence for index in group]
        self._next_staging().write_picked(sequences, [ends[index] - 1 for index in group], rows)
        (self._graphs.head if is_short else self._graphs.long_head)[rows].replay()

    def _copy_drawn(self, drawn: Tensor, start: int, count: int) -> None:
        drawn[start : start + count].copy_(self._buffers.tokens[:count], non_blocking=True)

    def _pending_step(self, chunks: list[Chunk], sampled: list[int], drawn: Tensor) -> PendingStep:
        self._drawn_rows.clear()
        for row, index in enumerate(sampled):
            self._drawn_rows[chunks[index].sequence] = row
        tokens: list[int | None] = [None] * len(chunks)
        if not sampled:
            return PendingStep(chunks, lambda: tokens)
        done = torch.cuda.Event()  # type: ignore[no-untyped-call]  # torch's own
        done.record()

        def wait() -> list[int | None]:
            done.synchronize()
            for index, token_id in zip(sampled, drawn[: len(sampled)].tolist(), strict=True):
                tokens[index] = token_id
            return tokens

        return PendingStep(chunks, wait)

    def _next_staging(self) -> StepStaging:
        self._stagings.reverse()
        return self._stagings[0]

    def _next_drawn(self) -> Tensor:
        self._drawn.reverse()
        return self._drawn[0]

    def _tiles(self, rows: int, sequences: int) -> int:
        """Returns how many tiles of queries suffice for `rows` rows of `sequences` sequences."""
        return rows // self._tile_tokens + sequences

    def _prefill_step(self, rows: int, tiles: int, *, is_short: bool) -> PrefillStep:
        return PrefillStep(
            self._own_decoder,
            self._short if is_short else self._long,
            self._buffers.axes,
            self._inputs,
            self._stage_caches[0],
            rows,
            tiles,
            self._capability,
            has_digits=is_short,
        )

    @torch.inference_mode()
    def _capture(self) -> _Graphs:
        """Block tables and lengths are zeros here, so these runs write nothing into the cache."""
        decoder, buffers, inputs = self._own_decoder, self._buffers, self._inputs
        inputs.part("slots").fill_(-1)
        largest = _bucket(DECODE_BUCKETS, min(self._max_sequences, DECODE_ROWS))
        buckets = [rows for rows in DECODE_BUCKETS if rows <= largest]

        def decode(rows: int) -> list[Launch]:
            step = DecodeStep(decoder, buffers, inputs, self._stage_caches[0], rows, self._capability)
            return step.launches()

        def prefill(rows: int) -> list[Launch]:
            tiles = self._tiles(rows, self._max_sequences)
            return self._prefill_step(rows, tiles, is_short=True).launches()

        def head(rows: int, residual: Tensor) -> list[Launch]:
            return picked_head_launches(decoder, buffers, inputs, residual, rows, self._capability)

        steps = {
            "decode": {rows: decode(rows) for rows in buckets},
            "prefill": {rows: prefill(rows) for rows in PREFILL_BUCKETS},
            "head": {rows: head(rows, self._short.residual) for rows in buckets},
            "long_head": {rows: head(rows, self._long.residual) for rows in buckets},
        }
        long_step = self._prefill_step(LONGEST_STEP, 1, is_short=False).launches()
        all_launches = [launch for step in steps.values() for each in step.values() for launch in each]
        started = time.monotonic()
        count = compile_kernels([*all_launches, *long_step])
        compiled = time.monotonic()
        for rows in (PREFILL_BUCKETS[-1] + 1, LONGEST_STEP):  # cuBLAS chooses by the number of rows
            run(self._prefill_step(rows, 1, is_short=False).launches())
        stream = torch.cuda.Stream(self._device)  # type: ignore[no-untyped-call]  # torch's own
        graphs = {
            kind: {rows: capture(each, stream) for rows, each in step.items()} for kind, step in steps.items()
        }
        logger.info(
            "%s: %d kernels compiled in %.1f s, %d CUDA graphs captured in %.1f s",
            self._device,
            count,
            compiled - started,
            sum(map(len, graphs.values())),
            time.monotonic() - compiled,
        )
        return _Graphs(**graphs)


def _bucket(buckets: tuple[int, ...], count: int) -> int:
    """Returns the smallest bucket that holds `count`."""
    return next(bucket for bucket in buckets if bucket >= count)
