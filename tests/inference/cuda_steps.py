"""Steps of a decoder through the kernels, and through the reference in float64, over the same cache."""

import numpy as np
import torch
from torch import Tensor

from inference.engine.cache_tensors import allocate_kv_cache
from inference.engine.counter_rows import CounterRows
from inference.engine.kv_cache import blocks_for
from inference.engine.model_runner import multimodal_positions
from inference.engine.scheduler import Chunk
from inference.engine.sequence import Sequence
from inference.engine.step_staging import StepStaging
from inference.engine.text_stream import TextStream
from inference.kernels.cuda.tiles import DECODE_BUCKETS, PREFILL_BUCKETS
from inference.kernels.forward_batch import ForwardBatch
from inference.models.cuda.buffers import DecodeBuffers, PrefillBuffers
from inference.models.cuda.decode_step import DecodeStep
from inference.models.cuda.graphs import run
from inference.models.cuda.head import Launch, picked_head_launches
from inference.models.cuda.inputs import InputLayout, StepInputs
from inference.models.cuda.prefill_step import PrefillStep, tokens_per_tile
from inference.models.decoder import Decoder
from inference.models.prompt import EncodedPrompt
from inference.types import GenerationRequest, SamplingParams

MAX_SEQUENCES = 64
LONG_ROWS = 1024


def make_sequence(
    tokens: int,
    block_size: int = 16,
    vocab_size: int = 1000,
    positions: Tensor | None = None,
    **sampling: object,
) -> Sequence:
    """A request with a random prompt, not computed yet, without blocks."""
    ids = torch.randint(0, vocab_size, (tokens,)).tolist()
    params = SamplingParams(**({"temperature": 0.0, "max_tokens": 64} | sampling))
    stream = TextStream(lambda token_id: b"", (), is_reasoning=False)
    prompt = EncodedPrompt(tuple(ids), positions=positions)
    return Sequence(0, GenerationRequest("", (), params), prompt, stream, block_size)


def give_blocks(sequences: list[Sequence], num_blocks: int) -> None:
    """Allocates scattered blocks, for the tokens so far and some more."""
    free = torch.randperm(num_blocks).tolist()
    for sequence in sequences:
        wanted = blocks_for(len(sequence.token_ids) + 8, sequence.block_size)
        sequence.append_blocks([free.pop() for _ in range(wanted)])


class Steps:
    """Buffers for the steps of one decoder, on a device or on "meta", where they can only be compiled."""

    def __init__(
        self, decoder: Decoder, capability: int, num_blocks: int = 256, block_size: int = 16
    ) -> None:
        self.decoder, self.capability, self.block_size = decoder, capability, block_size
        device, dtype = decoder.norm.weight.device, decoder.norm.weight.dtype
        self.cache = allocate_kv_cache(decoder.config, num_blocks, block_size, device, dtype)
        self.buffers = DecodeBuffers(decoder, device, MAX_SEQUENCES)
        self.prefills = {
            True: PrefillBuffers(decoder, device, PREFILL_BUCKETS[-1], has_digits=True),
            False: PrefillBuffers(decoder, device, LONG_ROWS, has_digits=False),
        }
        tiles, vocab_size = LONG_ROWS + MAX_SEQUENCES, decoder.config.vocab_size
        layout = InputLayout(LONG_ROWS, tiles, MAX_SEQUENCES, 256, vocab_size)
        self.inputs = StepInputs(layout, device)
        self.tile_tokens = tokens_per_tile(decoder.config, capability)

    def decode_launches(self, rows: int) -> list[Launch]:
        step = DecodeStep(self.decoder, self.buffers, self.inputs, self.cache, rows, self.capability)
        return step.launches()

    def prefill_launches(self, rows: int, *, has_digits: bool) -> list[Launch]:
        return PrefillStep(
            self.decoder,
            self.prefills[has_digits],
            self.buffers.axes,
            self.inputs,
            self.cache,
            rows,
            self.tiles(rows),
            self.capability,
            has_digits,
        ).launches()

    def head_launches(self, rows: int, *, has_digits: bool) -> list[Launch]:
        residual = self.prefills[has_digits].residual
        return picked_head_launches(self.decoder, self.buffers, self.inputs, residual, rows, self.capability)

    def tiles(self, rows: int) -> int:
        return rows // self.tile_tokens + MAX_SEQUENCES

    def staging(self) -> StepStaging:
        return StepStaging(self.inputs, CounterRows(self.buffers.counts))

    def decode(self, sequences: list[Sequence], rows: int | None = None) -> Tensor:
        """Computes the last token of each; returns the logits (sequences, vocab), tokens in `buffers`."""
        chunks = [Chunk(each, len(each.token_ids) - 1, len(each.token_ids)) for each in sequences]
        rows = rows or next(bucket for bucket in DECODE_BUCKETS if bucket >= len(chunks))
        self.buffers.logits.fill_(torch.nan)
        self.staging().write_decode(chunks, rows, {})
        run(self.decode_launches(rows))
        return self.buffers.logits[: len(sequences)]

    def prefill(self, chunks: list[Chunk], *, has_digits: bool) -> Tensor:
        """Returns the logits of each chunk's last token."""
        count = sum(chunk.end - chunk.start for chunk in chunks)
        rows = next(each for each in PREFILL_BUCKETS if each >= count) if has_digits else count
        self.staging().write_prefill(chunks, rows, self.tiles(rows), self.tile_tokens)
        ids = self.inputs.part("prefill_ids")[:count]
        self.prefills[has_digits].residual[:count] = self.decoder.embed(ids)
        run(self.prefill_launches(rows, has_digits=has_digits))
        ends = np.cumsum([chunk.end - chunk.start for chunk in chunks]).tolist()
        heads = next(bucket for bucket in DECODE_BUCKETS if bucket >= len(chunks))
        self.buffers.logits.fill_(torch.nan)
        self.staging().write_picked([chunk.sequence for chunk in chunks], [end - 1 for end in ends], heads)
        run(self.head_launches(heads, has_digits=has_digits))
        return self.buffers.logits[: len(chunks)]


def reference_logits(decoder: Decoder, chunks: list[Chunk], cache: Tensor) -> Tensor:
    """Like `prefill`, by the decoder's own forward; writes `cache`, which has the decoder's type."""
    device, size = cache.device, chunks[0].sequence.block_size
    ids = [token for sequence, start, end in chunks for token in sequence.token_ids[start:end]]
    places = [np.arange(start, end) for _, start, end in chunks]
    slots = [
        chunk.sequence.block_table[place // size] * size + place % size
        for chunk, place in zip(chunks, places, strict=True)
    ]
    starts = np.cumsum([0, *(chunk.end - chunk.start for chunk in chunks)])
    width = max(chunk.sequence.num_blocks for chunk in chunks)
    tables = np.full((len(chunks), width), cache.shape[2] - 1)
    for row, chunk in zip(tables, chunks, strict=True):
        row[: chunk.sequence.num_blocks] = chunk.sequence.block_table
    positions = multimodal_positions(chunks)
    batch = ForwardBatch(
        (positions if decoder.config.mrope_section else positions[0]).to(device),
        torch.from_numpy(np.concatenate(slots)).to(device),
        torch.from_numpy(starts),
        torch.tensor([chunk.end for chunk in chunks], device=device),
        torch.from_numpy(tables).to(device),
        is_decode=all(chunk.end - chunk.start == 1 for chunk in chunks),
    )
    hidden = decoder(decoder.embed(torch.tensor(ids, device=device)), batch, cache)
    return decoder.logits(hidden[starts[1:] - 1])
