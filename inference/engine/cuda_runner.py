"""Computes steps on NVIDIA GPUs, with CUDA graphs by bucket. Tokens are drawn without the host.

A decode step of up to 64 sequences is one graph. A prefill up to the largest bucket is one graph for the
layers and one for the head. The kernels of longer prefills are launched one by one. Where devices share the
layers, each has graphs of its own, and copies between them that the host does not wait for.
"""

import logging
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Tensor

from inference.config import EngineConfig
from inference.devices import compute_capability, measure_memory, on_device
from inference.engine.cache_tensors import count_blocks, stages_of
from inference.engine.cuda_stage import CudaStage, largest_bucket
from inference.engine.kv_cache import blocks_for
from inference.engine.model_runner import ModelRunner
from inference.engine.pending_step import PendingStep
from inference.engine.scheduler import Chunk
from inference.engine.sequence import Sequence
from inference.engine.step_logprobs import StepLogprobs
from inference.engine.step_staging import StepStaging
from inference.kernels.cuda.tiles import DECODE_BUCKETS, DECODE_ROWS, PREFILL_BUCKETS
from inference.models.cuda.inputs import InputLayout
from inference.models.cuda.prefill_step import tokens_per_tile
from inference.models.cuda.transfer import transfer_tokens
from inference.models.decoder import Decoder

logger = logging.getLogger(__name__)

LONGEST_STEP = 4096  # tokens
STAGINGS = 2
GIGABYTE = 1e9


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
        places = stages_of(decoder, device)
        weights = [torch.cuda.memory_allocated(place.device) for place in places]
        sequences = config.max_running_requests
        self._max_sequences = sequences
        with torch.inference_mode():
            self._tile_tokens = tokens_per_tile(decoder.config, compute_capability(device))
            blocks = blocks_for(context_length, config.block_size)
            longest_tiles = self._tiles(LONGEST_STEP, sequences)
            vocab_size = decoder.config.vocab_size
            layout = InputLayout(LONGEST_STEP, longest_tiles, sequences, blocks, vocab_size)
            self._parts = [CudaStage(decoder, place, layout, max(sequences, 1)) for place in places]
        self._first, self._last = self._parts[0], self._parts[-1]
        buffers = [torch.cuda.memory_allocated(place.device) for place in places]
        wanted_tokens = context_length * sequences
        num_blocks = count_blocks(decoder, device, config.block_size, wanted_tokens, config.kv_cache_tokens)
        super().__init__(decoder, device, num_blocks, config.block_size)
        for part, caches, before, after in zip(
            self._parts, self._stage_caches, weights, buffers, strict=True
        ):
            part.caches = caches
            logger.info(
                "%s: %.1f GB of weights, %.1f of buffers, %.1f of cache for %d tokens in %d layers; "
                "%.1f are free for towers",
                part.device,
                before / GIGABYTE,
                (after - before) / GIGABYTE,
                (torch.cuda.memory_allocated(part.device) - after) / GIGABYTE,
                num_blocks * config.block_size,
                caches.shape[0],
                measure_memory(part.device).free_bytes / GIGABYTE,
            )
        counter_rows = self._last.counter_rows()
        more_inputs = tuple(part.inputs for part in self._parts[1:])
        self._stagings = [StepStaging(self._first.inputs, counter_rows, more_inputs) for _ in range(STAGINGS)]
        self._drawn = [
            torch.zeros(max(sequences, 1), dtype=torch.int32, pin_memory=True) for _ in range(STAGINGS)
        ]
        # Weak: an idle engine must not hold the last prompts and their pictures.
        self._drawn_rows: WeakKeyDictionary[Sequence, int] = WeakKeyDictionary()
        tiles = {rows: self._tiles(rows, sequences) for rows in PREFILL_BUCKETS}
        with torch.inference_mode():
            for part in self._parts:
                part.prepare(largest_bucket(sequences), tiles)

    @torch.inference_mode()
    def run(self, chunks: list[Chunk]) -> list[int | None]:
        return self.launch(chunks).wait()

    @torch.inference_mode()
    def launch(self, chunks: list[Chunk]) -> PendingStep:
        sampled = [index for index, chunk in enumerate(chunks) if chunk.is_sampled]
        is_decode = all(chunk.end - chunk.start == 1 for chunk in chunks)
        if is_decode and len(chunks) <= DECODE_ROWS:
            rows = _bucket(DECODE_BUCKETS, len(chunks))
            self._next_staging().write_decode(chunks, rows, self._drawn_rows)
            self.replay_decode(rows)
            drawn = self._next_drawn()
            self._copy_drawn(drawn, 0, len(chunks))
            logprobs = [self._keep_logprobs(list(enumerate(chunks)))]
            return self._pending_step(chunks, sampled, list(sampled), drawn, logprobs)
        self._prefill(chunks)
        ends = np.cumsum([chunk.end - chunk.start for chunk in chunks]).tolist()
        is_short = ends[-1] <= PREFILL_BUCKETS[-1]
        groups = [sampled[start : start + DECODE_ROWS] for start in range(0, len(sampled), DECODE_ROWS)]
        drawn = self._next_drawn()
        logprobs = []
        for number, group in enumerate(groups):
            self._draw(chunks, group, ends, is_short=is_short)
            self._copy_drawn(drawn, number * DECODE_ROWS, len(group))
            logprobs.append(self._keep_logprobs([(row, chunks[index]) for row, index in enumerate(group)]))
        return self._pending_step(chunks, sampled, list(range(len(sampled))), drawn, logprobs)

    def replay_decode(self, rows: int) -> None:
        """Runs the decode step of that bucket with the inputs that are on the devices."""
        previous = None
        for part in self._parts:
            part.decode(rows, previous)
            previous = part
        self._return_tokens()

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
        residual = (self._first.short if is_short else self._first.long).residual
        residual[:count] = self._embed(chunks, self._first.inputs.part("prefill_ids")[:count])
        previous = None
        for part in self._parts:
            part.prefill(rows, tiles, previous, is_short=is_short)
            previous = part

    def _draw(self, chunks: list[Chunk], group: list[int], ends: list[int], *, is_short: bool) -> None:
        rows = _bucket(DECODE_BUCKETS, len(group))
        sequences = [chunks[index].sequence for index in group]
        self._next_staging().write_picked(sequences, [ends[index] - 1 for index in group], rows)
        self._last.draw(rows, is_short=is_short)
        self._return_tokens()

    def _return_tokens(self) -> None:
        """The next step may begin with the tokens of this one before the host knows them."""
        if self._last is not self._first:
            transfer_tokens(self._last.buffers, self._first.buffers)

    def _copy_drawn(self, drawn: Tensor, start: int, count: int) -> None:
        drawn[start : start + count].copy_(self._last.buffers.tokens[:count], non_blocking=True)

    def _keep_logprobs(self, rows: list[tuple[int, Chunk]]) -> StepLogprobs:
        wanting = [(row, chunk.sequence) for row, chunk in rows if chunk.is_sampled]
        last = self._last
        with on_device(last.device):
            return StepLogprobs(wanting, last.inputs.tables_of_some.kept, last.buffers.tokens)

    def _pending_step(
        self,
        chunks: list[Chunk],
        sampled: list[int],
        rows: list[int],
        drawn: Tensor,
        logprobs: list[StepLogprobs],
    ) -> PendingStep:
        """`rows` are the rows in which the chunks with the indices `sampled` were drawn."""
        self._drawn_rows.clear()
        for row, index in zip(rows, sampled, strict=True):
            self._drawn_rows[chunks[index].sequence] = row
        tokens: list[int | None] = [None] * len(chunks)
        if not sampled:
            return PendingStep(chunks, lambda: tokens)
        done = torch.cuda.Event()  # type: ignore[no-untyped-call]  # torch's own
        done.record(torch.cuda.current_stream(self._last.device))

        def wait() -> list[int | None]:
            done.synchronize()
            drawn_tokens = drawn.tolist()
            for row, index in zip(rows, sampled, strict=True):
                tokens[index] = drawn_tokens[row]
            for each in logprobs:
                each.hand_out()
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


def _bucket(buckets: tuple[int, ...], count: int) -> int:
    """Returns the smallest bucket that holds `count`."""
    return next(bucket for bucket in buckets if bucket >= count)
