"""The launches of a step with many new tokens, of one or several sequences, which may include decodes.

Up to some hundred tokens, products take digits and int8 weights as stored. Above that, weights are widened
one matrix at a time, and cuBLAS is fast enough to make up for it. The first launch expects the embedded
tokens in `residual`; `inference.models.cuda.head` has the launches after the last.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from inference.kernels.cuda.dequantize import dequantize
from inference.kernels.cuda.launch import KernelLaunch
from inference.kernels.cuda.linear import linear
from inference.kernels.cuda.norm import add_norm, begin, round_rows, silu
from inference.kernels.cuda.prefill_attention import (
    prefill_attention,
    rotary_cache,
    tile_tokens,
)
from inference.kernels.cuda.tiles import Tile, fit, prefill_tiles
from inference.kernels.digits import Digits
from inference.models.config import DecoderConfig
from inference.models.cuda.buffers import PrefillBuffers
from inference.models.cuda.head import Launch
from inference.models.cuda.inputs import StepInputs
from inference.models.cuda.products import int8
from inference.models.cuda.stage_part import StagePart, whole
from inference.models.decoder import Decoder, DecoderLayer
from inference.models.layers import Int8Linear


@dataclass(frozen=True, slots=True, eq=False)
class PrefillStep:
    """For `rows` rows and `tiles` tiles of queries. `has_digits`: products take digits. With `part`, for its
    layers alone, as in `DecodeStep`."""

    decoder: Decoder
    buffers: PrefillBuffers
    axes: Tensor
    inputs: StepInputs
    kv_caches: Tensor  # (layers, *KVCache), of these layers
    rows: int
    tiles: int
    capability: int
    has_digits: bool
    part: StagePart | None = None

    def launches(self) -> list[Launch]:
        part, buffers = self.part or whole(self.decoder), self.buffers
        x = buffers.x if self.has_digits else buffers.x_16
        launches: list[Launch] = [self._begin(part, x)] if part.is_first else []
        for layer, cache in zip(part.layers, self.kv_caches, strict=True):
            attended, inner = self._attend(layer, cache), self._inner(layer)
            launches += [
                *attended,
                *self._product(int8(layer.self_attn.o_proj), buffers.attended, "attended_digits", buffers.y),
                self._add_norm(
                    layer.post_self_attn_layernorm.weight, layer.post_attention_layernorm.weight, x
                ),
                *inner,
                *self._product(int8(layer.mlp.down_proj), buffers.inner, "inner_digits", buffers.y),
                self._add_norm(layer.post_mlp_layernorm.weight, part.gain_after(layer), x),
            ]
        return launches

    def _begin(self, part: StagePart, x: Digits | Tensor) -> KernelLaunch:
        decoder, buffers = self.decoder, self.buffers
        return begin(
            ids=self.inputs.part("prefill_ids"),
            drawn=self.inputs.part("prefill_ids"),
            positions=self.inputs.part("prefill_positions"),
            axes=self.axes,
            frequencies=decoder.frequencies,
            table=None,
            gain=part.layers[0].input_layernorm.weight,
            residual=buffers.residual,
            x=x,
            cosines=buffers.cosines,
            sines=buffers.sines,
            position_rows=self.inputs.layout.rows,
            rows=self.rows,
            eps=decoder.config.rms_norm_eps,
        )

    def _attend(self, layer: DecoderLayer, cache: Tensor) -> list[Launch]:
        buffers, inputs = self.buffers, self.inputs
        tiles = prefill_tiles(self.capability)
        return [
            *self._from_norm(int8(layer.self_attn.qkv_proj), buffers.qkv),
            rotary_cache(
                buffers.qkv,
                buffers.cosines,
                buffers.sines,
                cache,
                inputs.part("slots"),
                buffers.query,
                rows=self.rows,
            ),
            prefill_attention(
                buffers.query,
                cache,
                buffers.attended,
                inputs.query_tiles(self.tiles),
                tables=inputs.tables,
                table_stride=inputs.table_stride,
                tile_rows=tiles.attention_queries,
                keys=tiles.attention_keys,
                warps=tiles.attention_warps,
                stages=tiles.attention_stages,
            ),
        ]

    def _inner(self, layer: DecoderLayer) -> list[Launch]:
        buffers, module = self.buffers, int8(layer.mlp.gate_up_proj)
        if not self.has_digits:
            return [
                *self._from_norm(module, buffers.gate_up),
                silu(buffers.gate_up, buffers.inner, rows=self.rows),
            ]
        out, width = module.cb.shape
        tile = fit(
            prefill_tiles(self.capability).gate_up, out // 2, width, width, has_silu=True, most_splits=1
        )
        assert isinstance(tile, Tile)
        return [
            linear(
                buffers.x,
                module.cb,
                module.scale,
                buffers.inner,
                tile,
                rows=self.rows,
                bias=module.bias,
                has_silu=True,
            )
        ]

    def _from_norm(self, module: Int8Linear, y: Tensor) -> list[Launch]:
        """A product of the last norm's output."""
        if self.has_digits:
            return [self._linear(module, self.buffers.x, y)]
        return self._widened(module, self.buffers.x_16, y)

    def _product(self, module: Int8Linear, x: Tensor, digits: str, y: Tensor) -> list[Launch]:
        """A product of x, which is in 16 bits; if it takes digits, they are in the buffer named `digits`."""
        if not self.has_digits:
            return self._widened(module, x, y)
        rounded: Digits = getattr(self.buffers, digits)
        return [round_rows(x, rounded, rows=self.rows), self._linear(module, rounded, y)]

    def _linear(self, module: Int8Linear, x: Digits, y: Tensor) -> KernelLaunch:
        out, width = module.cb.shape
        tiles = prefill_tiles(self.capability)
        tile = fit(tiles.wide if self.rows * out >= tiles.wide_from else tiles.narrow, out, width, x.group)
        assert isinstance(tile, Tile)
        return linear(x, module.cb, module.scale, y, tile, rows=self.rows, bias=module.bias)

    def _widened(self, module: Int8Linear, x: Tensor, y: Tensor) -> list[Launch]:
        out, width = module.cb.shape
        weight = self.buffers.scratch[: out * width].view(out, width)
        rows, target = x[: self.rows], y[: self.rows]
        bias = module.bias

        def multiply() -> None:
            if bias is None:
                torch.mm(rows, weight.T, out=target)
            else:
                torch.addmm(bias, rows, weight.T, out=target)

        return [dequantize(module.cb, module.scale, weight), multiply]

    def _add_norm(self, after: Tensor, following: Tensor, x: Digits | Tensor) -> KernelLaunch:
        return add_norm(
            self.buffers.y,
            after,
            self.buffers.residual,
            following,
            x,
            splits=1,
            rows=self.rows,
            eps=self.decoder.config.rms_norm_eps,
        )


def tokens_per_tile(config: DecoderConfig, capability: int) -> int:
    """Returns how many queries of one sequence a tile of the attention takes at most."""
    tile_rows = prefill_tiles(capability).attention_queries
    return tile_tokens(config.num_attention_heads, config.num_key_value_heads, tile_rows)
