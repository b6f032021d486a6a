"""Runs the decoder on a step's chunks: builds its tensors, owns the cache's tensors, samples.

Knows tensors and sequences; who runs when is the scheduler's business. Used by the engine's thread.
"""

import os
from collections.abc import Sequence as Items
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from inference.engine.sampler import count_token, sample
from inference.engine.scheduler import Chunk
from inference.engine.sequence import Sequence, blocks_for
from inference.models.config import DecoderConfig
from inference.models.forward_batch import ForwardBatch, KVCache, allocate_kv_cache

CUDA_MEMORY_FRACTION = 0.85  # of what is free once the weights are loaded; the rest is for activations
CPU_MEMORY_FRACTION = 0.125


class Decoder(Protocol):
    """`inference.models.decoder.Decoder`, or a test's. All rows are (tokens, hidden)."""

    @property
    def config(self) -> DecoderConfig: ...

    def embed(self, token_ids: Tensor) -> Tensor: ...

    def __call__(self, hidden: Tensor, batch: ForwardBatch, kv_caches: list[KVCache]) -> Tensor: ...

    def logits(self, hidden_rows: Tensor) -> Tensor: ...


class ModelRunner:
    def __init__(self, decoder: Decoder, device: torch.device, num_blocks: int, block_size: int) -> None:
        self._decoder = decoder
        self._device = device
        self._block_size = block_size
        dtype = embedding_dtype(decoder, device)
        self._kv_caches = allocate_kv_cache(decoder.config, num_blocks, block_size, device, dtype)

    @torch.inference_mode()
    def run(self, chunks: list[Chunk]) -> list[int | None]:
        """Computes the chunks and returns the next token of each that is sampled, None for the others.

        Running it again with the same chunks writes the same into the cache and draws the same tokens.
        """
        batch, last_rows = self._build_batch(chunks)
        hidden = self._decoder(self._embed(chunks), batch, self._kv_caches)  # (tokens, hidden)
        sampled = [index for index, chunk in enumerate(chunks) if chunk.is_sampled]
        tokens: list[int | None] = [None] * len(chunks)
        if not sampled:
            return tokens
        if len(sampled) < hidden.shape[0]:
            hidden = hidden[last_rows[sampled].to(self._device)]
        logits = self._decoder.logits(hidden)  # (rows, vocab)
        drawn = sample(logits, [chunks[index].sequence for index in sampled])
        for index, token_id in zip(sampled, drawn, strict=True):
            tokens[index] = token_id
        return tokens

    def note_token(self, sequence: Sequence, token_id: int) -> None:
        """Tells the sampler that a drawn token was taken."""
        if sequence.request.sampling_params.frequency_penalty:
            count_token(sequence, token_id, self._decoder.config.vocab_size, self._device)

    def release_memory(self) -> None:
        """Gives cached device memory back, before what ran out of it is tried again."""
        if self._device.type == "cuda":
            torch.cuda.empty_cache()

    def probe(self) -> None:
        """Raises when the device itself does not work any more."""
        torch.zeros(1, device=self._device).add_(1).item()

    def _embed(self, chunks: list[Chunk]) -> Tensor:
        token_ids: list[int] = []
        for chunk in chunks:
            token_ids += chunk.sequence.token_ids[chunk.start : chunk.end]
        hidden = self._decoder.embed(torch.tensor(token_ids, device=self._device))
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

    def _build_batch(self, chunks: list[Chunk]) -> tuple[ForwardBatch, Tensor]:
        """Returns the batch and, on the CPU, each sequence's last row."""
        sequences = [chunk.sequence for chunk in chunks]
        bounds = np.array([(chunk.start, chunk.end) for chunk in chunks], dtype=np.int64)
        starts, ends = bounds[:, 0], bounds[:, 1]
        lengths = ends - starts
        query_starts = np.zeros(len(chunks) + 1, dtype=np.int64)
        np.cumsum(lengths, out=query_starts[1:])
        owners = np.repeat(np.arange(len(chunks)), lengths)  # (tokens,)
        positions = np.arange(query_starts[-1]) + (starts - query_starts[:-1])[owners]
        block_tables = np.zeros((len(chunks), max(each.num_blocks for each in sequences)), dtype=np.int64)
        for row, sequence in zip(block_tables, sequences, strict=True):
            row[: sequence.num_blocks] = sequence.block_table
        block, offset = np.divmod(positions, self._block_size)
        slots = block_tables[owners, block] * self._block_size + offset
        cpu_query_starts = torch.from_numpy(query_starts)
        batch = ForwardBatch(
            token_positions=self._token_positions(chunks, torch.from_numpy(positions)).to(self._device),
            slot_mapping=torch.from_numpy(slots).to(self._device),
            query_starts=cpu_query_starts,
            context_lengths=torch.from_numpy(ends.copy()).to(self._device),
            block_tables=torch.from_numpy(block_tables).to(self._device),
            is_decode=len(positions) == len(chunks),
        )
        return batch, cpu_query_starts[1:] - 1

    def _token_positions(self, chunks: list[Chunk], positions: Tensor) -> Tensor:
        """(tokens,), or (3, tokens) where the decoder has multimodal rotary positions."""
        if self._decoder.config.mrope_section is None:
            return positions
        pieces = []
        for chunk in chunks:
            sequence = chunk.sequence
            known = sequence.prompt.positions
            split = min(max(chunk.start, sequence.prompt_tokens), chunk.end)
            if known is not None and chunk.start < split:
                pieces.append(known[:, chunk.start : split])
            first = split if known is not None else chunk.start
            offset = sequence.next_position - sequence.prompt_tokens
            pieces.append(torch.arange(first + offset, chunk.end + offset).expand(3, -1))
        return torch.cat(pieces, dim=1)


def embedding_dtype(decoder: Decoder, device: torch.device) -> torch.dtype:
    with torch.inference_mode():
        return decoder.embed(torch.zeros(1, dtype=torch.int64, device=device)).dtype


def count_blocks(
    decoder: Decoder, device: torch.device, block_size: int, wanted_tokens: int, given_tokens: int | None
) -> int:
    """Returns how many blocks the cache gets: as set, or what is wanted as far as memory allows."""
    if given_tokens is not None:
        return blocks_for(given_tokens, block_size)
    config = decoder.config
    item_bytes = embedding_dtype(decoder, device).itemsize
    shape: Items[int] = (config.num_layers, 2, block_size, config.num_key_value_heads, config.head_dim)
    block_bytes = int(np.prod(shape)) * item_bytes
    if device.type == "cuda":
        torch.cuda.empty_cache()  # what loading, or an engine that died, no longer needs
        memory = torch.cuda.mem_get_info(device)[0] * CUDA_MEMORY_FRACTION
    else:
        memory = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") * CPU_MEMORY_FRACTION
    return max(1, min(int(memory) // block_bytes, blocks_for(wanted_tokens, block_size)))
