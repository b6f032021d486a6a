"""Runs the decoder on a step's chunks: builds its tensors, owns the cache's tensors, samples.

Knows tensors and sequences; who runs when is the scheduler's business. Used by the engine's thread.
"""

import os
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from inference.engine.flight import Flight
from inference.engine.sampler import count_token, sample
from inference.engine.scheduler import Chunk
from inference.engine.sequence import Sequence, blocks_for
from inference.errors import InvalidCheckpoint, InvalidConfiguration
from inference.models.config import DecoderConfig
from inference.models.forward_batch import ForwardBatch, allocate_kv_cache

CUDA_MEMORY_FRACTION = 0.85  # of what is free once the weights are loaded; the rest is for activations
CPU_MEMORY_FRACTION = 0.125
MIN_CONTEXT_TOKENS = 512  # a short conversation; with less room nearly every request is refused


class Decoder(Protocol):
    """`inference.models.decoder.Decoder`, or a test's. All rows are (tokens, hidden)."""

    @property
    def config(self) -> DecoderConfig: ...

    def embed(self, token_ids: Tensor) -> Tensor: ...

    def __call__(self, hidden: Tensor, batch: ForwardBatch, kv_caches: Tensor) -> Tensor: ...

    def logits(self, hidden_rows: Tensor) -> Tensor: ...


class ModelRunner:
    """The reference `inference.engine.runner.Runner`: the decoder's own forward, on any device."""

    max_ahead_sequences = 0
    max_step_tokens: int | None = None
    idle_chunk_tokens = 0

    def __init__(self, decoder: Decoder, device: torch.device, num_blocks: int, block_size: int) -> None:
        self._decoder = decoder
        self._device = device
        self._block_size = block_size
        dtype = embedding_dtype(decoder, device)
        self._kv_caches = allocate_kv_cache(decoder.config, num_blocks, block_size, device, dtype)
        self._zeros_block = self.num_blocks = num_blocks

    @torch.inference_mode()
    def run(self, chunks: list[Chunk]) -> list[int | None]:
        """Computes the chunks and returns the next token of each that is sampled, None for the others.

        Running it again with the same chunks writes the same into the cache and draws the same tokens.
        """
        batch = self._build_batch(chunks)
        token_ids: list[int] = []
        for chunk in chunks:
            token_ids += chunk.sequence.token_ids[chunk.start : chunk.end]
        embedded = self._embed(chunks, torch.tensor(token_ids, device=self._device))
        hidden = self._decoder(embedded, batch, self._kv_caches)  # (tokens, hidden)
        sampled = [index for index, chunk in enumerate(chunks) if chunk.is_sampled]
        tokens: list[int | None] = [None] * len(chunks)
        if not sampled:
            return tokens
        if len(sampled) < hidden.shape[0]:
            hidden = hidden[(batch.query_starts[1:][sampled] - 1).to(self._device)]
        logits = self._decoder.logits(hidden)  # (rows, vocab)
        drawn = sample(logits, [chunks[index].sequence for index in sampled])
        for index, token_id in zip(sampled, drawn, strict=True):
            tokens[index] = token_id
        return tokens

    def launch(self, chunks: list[Chunk]) -> Flight:
        tokens = self.run(chunks)
        return Flight(chunks, lambda: tokens)

    @torch.inference_mode()
    def clear(self, blocks: list[int]) -> None:
        """Zeroes what others left in blocks: behind a context it is multiplied by 0, and 0 * NaN is NaN."""
        self._kv_caches.index_fill_(2, torch.tensor(blocks, device=self._device), 0)

    def note_token(self, sequence: Sequence, token_id: int) -> None:
        """Tells the sampler that a drawn token was taken, for its frequency penalty."""
        count_token(sequence, token_id, self._decoder.config.vocab_size, self._device)

    def release_memory(self) -> None:
        """Gives cached device memory back, before what ran out of it is tried again."""
        if self._device.type == "cuda":
            torch.cuda.empty_cache()

    def probe(self) -> None:
        """Raises when the device itself does not work any more."""
        torch.zeros(1, device=self._device).add_(1).item()

    def _embed(self, chunks: list[Chunk], token_ids: Tensor) -> Tensor:
        """token_ids: (tokens,) of all chunks -> (tokens, hidden), with media in their places."""
        hidden = self._decoder.embed(token_ids)
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

    def _build_batch(self, chunks: list[Chunk]) -> ForwardBatch:
        ends = np.array([chunk.end for chunk in chunks])
        count = len(chunks)
        query_starts = owners = np.arange(count + 1)
        is_decode = all(chunk.end - chunk.start == 1 for chunk in chunks)
        if is_decode:
            owners, positions = owners[:-1], ends - 1
        else:
            starts = np.array([chunk.start for chunk in chunks])
            lengths = ends - starts
            query_starts = np.concatenate([[0], lengths.cumsum()])
            owners = owners[:-1].repeat(lengths)  # (tokens,)
            positions = np.arange(query_starts[-1]) + (starts - query_starts[:-1])[owners]
        width = max(chunk.sequence.num_blocks for chunk in chunks)
        block_tables = np.full((count, width), self._zeros_block)
        for row, chunk in zip(block_tables, chunks, strict=True):
            row[: chunk.sequence.num_blocks] = chunk.sequence.block_table
        size = self._block_size
        slots = block_tables[owners, positions // size] * size + positions % size
        has_axes = self._decoder.config.mrope_section is not None
        token_positions = multimodal_positions(chunks) if has_axes else torch.from_numpy(positions)
        return ForwardBatch(
            token_positions=token_positions.to(self._device),
            slot_mapping=torch.from_numpy(slots).to(self._device),
            query_starts=torch.from_numpy(query_starts),
            context_lengths=torch.from_numpy(ends).to(self._device),
            block_tables=torch.from_numpy(block_tables).to(self._device),
            is_decode=is_decode,
        )


def multimodal_positions(chunks: list[Chunk]) -> Tensor:
    """(3, tokens): as the prompt has them, counted on from its `next_position` behind it."""
    pieces = []
    for sequence, start, end in chunks:
        known = sequence.prompt.positions
        split = start if known is None else min(max(start, sequence.prompt_tokens), end)
        if known is not None:
            pieces.append(known[:, start:split])
        offset = sequence.next_position - sequence.prompt_tokens
        pieces.append(torch.arange(split + offset, end + offset).expand(3, -1))
    return torch.cat(pieces, dim=1)


def embedding_dtype(decoder: Decoder, device: torch.device) -> torch.dtype:
    with torch.inference_mode():
        return decoder.embed(torch.zeros(1, dtype=torch.int64, device=device)).dtype


def count_blocks(
    decoder: Decoder, device: torch.device, block_size: int, wanted_tokens: int, given_tokens: int | None
) -> int:
    """Returns how many blocks the cache gets: as set, or what is wanted as far as memory allows.

    Raises `InvalidCheckpoint` where that is too little to serve anybody, and `InvalidConfiguration` where
    what is set is more than there is.
    """
    config = decoder.config
    item_bytes = embedding_dtype(decoder, device).itemsize
    token_bytes = 2 * config.num_layers * config.num_key_value_heads * config.head_dim * item_bytes
    block_bytes = block_size * token_bytes
    if device.type == "cuda":
        torch.cuda.empty_cache()  # what loading, or an engine that died, no longer needs
        most = torch.cuda.mem_get_info(device)[0]
        memory = most * CUDA_MEMORY_FRACTION
    else:
        page_bytes = os.sysconf("SC_PAGE_SIZE")
        most = os.sysconf("SC_PHYS_PAGES") * page_bytes
        memory = os.sysconf("SC_AVPHYS_PAGES") * page_bytes * CPU_MEMORY_FRACTION
    if given_tokens is not None:
        if blocks_for(given_tokens, block_size) * block_bytes > most:
            raise InvalidConfiguration(
                f"A cache of {given_tokens} tokens takes {given_tokens * token_bytes / 2**30:.1f} GiB, more "
                f"than the {most / 2**30:.1f} of {device}; set fewer, or none for what fits."
            )
        return blocks_for(given_tokens, block_size)
    num_blocks = min(int(memory) // block_bytes, blocks_for(wanted_tokens, block_size))
    needed_tokens = min(MIN_CONTEXT_TOKENS, wanted_tokens)
    if num_blocks * block_size < needed_tokens:
        raise InvalidCheckpoint(
            f"The free memory of {device} holds a cache of {num_blocks * block_size} tokens, fewer than the"
            f" {needed_tokens} of a short request: quantise the model, or take a device with more memory."
        )
    return num_blocks
