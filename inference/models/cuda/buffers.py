"""The tensors that the steps of a decoder work on, allocated once, since CUDA graphs hold their addresses.

All buckets share them: one step runs at a time. On the device "meta" they serve to compile kernels.
"""

import torch
from torch import Tensor

from inference.kernels.cuda.decode_attention import part_size
from inference.kernels.cuda.sampling import count_pieces
from inference.kernels.cuda.tiles import DECODE_BUCKETS, DECODE_ROWS, MAX_SPLITS, MIN_COLUMNS
from inference.kernels.digits import Digits
from inference.models.config import DecoderConfig
from inference.models.decoder import Decoder

ATTENTION_PROGRAMS = 256
GEMV_GROUP = 4


def make_digits(rows: int, width: int, group: int, device: torch.device) -> Digits:
    return Digits(
        torch.zeros(2, rows, width, dtype=torch.int8, device=device),
        torch.zeros(width // group, rows, device=device),
        group,
    )


class DecodeBuffers:
    """For a decode step of up to DECODE_ROWS rows, and for the head and the draw of every step."""

    def __init__(self, decoder: Decoder, device: torch.device, counters: int) -> None:
        config, rows, dtype = decoder.config, DECODE_ROWS, decoder.norm.weight.dtype
        width = config.num_attention_heads * config.head_dim
        fused = width + 2 * config.num_key_value_heads * config.head_dim
        self.x = make_digits(rows, config.hidden_size, config.hidden_size, device)
        self.x_16 = torch.zeros(rows, config.hidden_size, dtype=dtype, device=device)
        self.attended = make_digits(rows, width, config.head_dim, device)
        self.inner = make_digits(rows, config.intermediate_size, MIN_COLUMNS, device)
        few = make_digits(rows, config.intermediate_size, GEMV_GROUP, device)
        self.few_inner = Digits(few.values, few.steps.view(rows, -1), GEMV_GROUP)
        self.inner_16 = torch.zeros(rows, config.intermediate_size, dtype=dtype, device=device)
        self.y = torch.zeros(MAX_SPLITS * rows * max(fused, config.hidden_size), device=device)
        self.residual = torch.zeros(rows, config.hidden_size, dtype=dtype, device=device)
        self.cosines, self.sines = rotary_buffers(rows, decoder, device)
        parts = part_size(
            rows, config.num_attention_heads, config.num_key_value_heads, ATTENTION_PROGRAMS, DECODE_BUCKETS
        )
        self.part = torch.zeros(parts * config.head_dim, device=device)
        self.part_sums = torch.zeros(parts * 2, device=device)
        self.logits = torch.zeros(rows, config.vocab_size, device=device)
        self.best = torch.zeros(rows * count_pieces(config.vocab_size), device=device)
        self.best_at = torch.zeros(self.best.shape, dtype=torch.int32, device=device)
        self.tokens = torch.zeros(rows, dtype=torch.int32, device=device)
        self.counts = torch.zeros(counters, config.vocab_size, dtype=torch.int32, device=device)
        self.axes = rotary_axes(config, device)


class PrefillBuffers:
    """For a step of many tokens. With `has_digits` products take digits; else they take 16 bits, and weights
    are widened one matrix at a time into `scratch`."""

    def __init__(self, decoder: Decoder, device: torch.device, rows: int, *, has_digits: bool) -> None:
        config, dtype = decoder.config, decoder.norm.weight.dtype
        width = config.num_attention_heads * config.head_dim
        fused = width + 2 * config.num_key_value_heads * config.head_dim

        def matrix(columns: int, kind: torch.dtype = dtype) -> Tensor:
            return torch.zeros(rows, columns, dtype=kind, device=device)

        self.rows = rows
        self.residual = matrix(config.hidden_size)
        self.query = torch.zeros(
            rows, config.num_attention_heads, config.head_dim, dtype=dtype, device=device
        )
        self.attended = matrix(width)
        self.cosines, self.sines = rotary_buffers(rows, decoder, device)
        self.inner = matrix(config.intermediate_size)
        self.qkv = matrix(fused, torch.float32 if has_digits else dtype)
        self.y = matrix(config.hidden_size, torch.float32 if has_digits else dtype)
        if has_digits:
            self.x = make_digits(rows, config.hidden_size, config.hidden_size, device)
            self.attended_digits = make_digits(rows, width, width, device)
            self.inner_digits = make_digits(rows, config.intermediate_size, config.intermediate_size, device)
        else:
            self.x_16 = matrix(config.hidden_size)
            self.gate_up = matrix(2 * config.intermediate_size)
            largest = config.hidden_size * max(fused, width, 2 * config.intermediate_size)
            self.scratch = torch.zeros(largest, dtype=dtype, device=device)


def rotary_buffers(rows: int, decoder: Decoder, device: torch.device) -> tuple[Tensor, Tensor]:
    pairs = len(decoder.frequencies)
    return torch.zeros(rows, pairs, device=device), torch.zeros(rows, pairs, device=device)


def rotary_axes(config: DecoderConfig, device: torch.device) -> Tensor:
    """(pairs,) int32: the axis of each pair, of time, height and width. Plain positions equal on all axes."""
    section = config.mrope_section
    pairs = int(config.head_dim * config.partial_rotary_factor) // 2
    axes = [axis for axis, count in enumerate(section) for _ in range(count)] if section else [0] * pairs
    return torch.tensor(axes, dtype=torch.int32, device=device)
