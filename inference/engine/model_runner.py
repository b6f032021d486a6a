"""Runs the decoder on a step's chunks: builds its tensors, owns the cache's tensors, samples.

The scheduler decides which chunks. Used by the engine's thread.
"""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from inference.devices import probe, release_memory
from inference.engine.block_tables import BlockTables
from inference.engine.cache_tensors import allocate_kv_cache, embedding_dtype, stages_of
from inference.engine.decode_inputs import DecodeInputs
from inference.engine.language_model import CausalModel
from inference.engine.pending_step import PendingStep
from inference.engine.sampler import count_token, sample
from inference.engine.scheduler import Chunk
from inference.engine.sequence import Sequence
from inference.kernels.cpu.compiler import wait_for_kernels
from inference.kernels.forward_batch import ForwardBatch, KVCaches


class ModelRunner:
    """The reference `StepExecutor`: the decoder's own forward, on any device."""

    max_ahead_sequences = 0
    max_step_tokens: int | None = None
    idle_chunk_tokens = 0
    min_forced_chunk = 1

    def __init__(self, decoder: CausalModel, device: torch.device, num_blocks: int, block_size: int) -> None:
        self._decoder = decoder
        self._device = device
        self._block_size = block_size
        dtype = embedding_dtype(decoder, device)
        self._stages = stages_of(decoder, device)
        self._stage_caches = [
            allocate_kv_cache(decoder.config, num_blocks, block_size, stage.device, dtype, stage.num_layers)
            for stage in self._stages
        ]
        self._kv_caches: KVCaches = self._stage_caches[0]
        if len(self._stages) > 1:
            self._kv_caches = [cache for caches in self._stage_caches for cache in caches]
        self.num_blocks = num_blocks
        wait_for_kernels()
        self._block_tables = BlockTables(padding=num_blocks)  # the block of zeros
        self._decode_inputs = DecodeInputs(self._block_tables, block_size)

    @torch.inference_mode()
    def run(self, chunks: list[Chunk]) -> list[int | None]:
        """See `StepExecutor`. Run again, the same chunks write the same keys and draw the same tokens."""
        is_decode = sum([end - start for _, start, end in chunks]) == len(chunks)
        token_ids, batch = self._decode_inputs.write(chunks) if is_decode else self._make_inputs(chunks)
        if self._decoder.config.mrope_section is not None:
            batch = replace(batch, token_positions=multimodal_positions(chunks))
        if self._device.type != "cpu":
            token_ids, batch = token_ids.to(self._device), batch.to(self._device)
        embedded = self._embed(chunks, token_ids)
        hidden = self._decoder(embedded, batch, self._kv_caches)  # (tokens, hidden)
        sampled = [index for index, chunk in enumerate(chunks) if chunk.is_sampled]
        tokens: list[int | None] = [None] * len(chunks)
        if not sampled:
            return tokens
        if len(sampled) < hidden.shape[0]:
            hidden = hidden[(batch.query_starts[1:][sampled] - 1).to(hidden.device)]
        logits = self._decoder.logits(hidden)  # (rows, vocab)
        drawn = sample(logits, [chunks[index].sequence for index in sampled])
        if len(sampled) == len(chunks):
            return [*drawn]
        for index, token_id in zip(sampled, drawn, strict=True):
            tokens[index] = token_id
        return tokens

    def launch(self, chunks: list[Chunk]) -> PendingStep:
        tokens = self.run(chunks)
        return PendingStep(chunks, lambda: tokens)

    @torch.inference_mode()
    def clear(self, blocks: list[int]) -> None:
        """Zeroes the old content: after a context's end it is multiplied by 0, and 0 * NaN is NaN."""
        for caches in self._stage_caches:
            caches.index_fill_(2, torch.tensor(blocks, device=caches.device), 0)

    def note_token(self, sequence: Sequence, token_id: int) -> None:
        """Counts a token for the sampler's penalties."""
        count_token(sequence, token_id, self._decoder.config.vocab_size, self._stages[-1].device)

    def release_memory(self) -> None:
        for stage in self._stages:
            release_memory(stage.device)

    def probe(self) -> None:
        for stage in self._stages:
            probe(stage.device)

    def _embed(self, chunks: list[Chunk], token_ids: Tensor) -> Tensor:
        """token_ids: (tokens,) of all chunks -> (tokens, hidden), with media in their places."""
        hidden = self._decoder.embed(token_ids)
        if not any(chunk.start < chunk.sequence.prompt_tokens for chunk in chunks):
            return hidden
        row = 0
        for chunk in chunks:
            for span in chunk.sequence.prompt.media:
                start = max(chunk.start, span.start)
                end = min(chunk.end, span.start + span.length)
                if start < end:
                    rows = slice(row + start - chunk.start, row + end - chunk.start)
                    hidden[rows] = span.features[start - span.start : end - span.start]
            row += chunk.end - chunk.start
        return hidden

    def _make_inputs(self, chunks: list[Chunk]) -> tuple[Tensor, ForwardBatch]:
        """The token ids and the batch of chunks of any length. Positions count from the start of each."""
        token_ids = [each for sequence, start, end in chunks for each in sequence.token_ids[start:end]]
        starts = np.array([start for _, start, _ in chunks])
        ends = np.array([end for _, _, end in chunks])
        lengths = ends - starts
        query_starts = np.concatenate([[0], lengths.cumsum()])
        owners = np.arange(len(chunks)).repeat(lengths)  # (tokens,)
        positions = np.arange(query_starts[-1]) + (starts - query_starts[:-1])[owners]
        block_tables = self._block_tables.rows(chunks)
        blocks, offsets = np.divmod(positions, self._block_size)
        slots = block_tables[owners, blocks] * self._block_size + offsets
        return torch.from_numpy(np.array(token_ids)), ForwardBatch(
            token_positions=torch.from_numpy(positions),
            slot_mapping=torch.from_numpy(slots),
            query_starts=torch.from_numpy(query_starts),
            context_lengths=torch.from_numpy(ends),
            block_tables=torch.from_numpy(block_tables),
            is_decode=False,
        )


def multimodal_positions(chunks: list[Chunk]) -> Tensor:
    """(3, tokens): the prompt's positions; generated tokens count on from its `next_position`."""
    pieces = []
    for sequence, start, end in chunks:
        known = sequence.prompt.positions
        split = start if known is None else min(max(start, sequence.prompt_tokens), end)
        if known is not None:
            pieces.append(known[:, start:split])
        offset = sequence.next_position - sequence.prompt_tokens
        pieces.append(torch.arange(split + offset, end + offset).expand(3, -1))
    return torch.cat(pieces, dim=1)
