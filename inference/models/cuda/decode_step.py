"""The launches of one decode step: every sequence has one new token, and gets the next one.

A layer has nine kernels; everything between two products is one kernel. They compute the same as
`inference.models.decoder.Decoder`.
"""

from dataclasses import dataclass

from torch import Tensor

from inference.kernels.cuda.decode_attention import decode_attention
from inference.kernels.cuda.gemv import gemv
from inference.kernels.cuda.launch import KernelLaunch
from inference.kernels.cuda.linear import linear
from inference.kernels.cuda.norm import add_norm, begin
from inference.kernels.cuda.tiles import DECODE_ROWS, HOPPER, GemvTile, Tile, decode_tiles, fit
from inference.kernels.digits import Digits
from inference.models.cuda.buffers import DecodeBuffers
from inference.models.cuda.head import Launch, head_input, head_launches
from inference.models.cuda.inputs import StepInputs
from inference.models.cuda.products import int8
from inference.models.cuda.stage_part import StagePart, whole
from inference.models.decoder import Decoder, DecoderLayer
from inference.models.layers import Int8Embedding, Int8Linear


@dataclass(frozen=True, slots=True, eq=False)
class DecodeStep:
    """For one bucket of `rows` sequences. `capability` is the chip's compute capability, as 90 for sm_90.

    With `part`, for its layers alone: the first part begins the step, the last one has the head, and others
    expect what `inference.models.cuda.transfer` copies.
    """

    decoder: Decoder
    buffers: DecodeBuffers
    inputs: StepInputs
    kv_caches: Tensor  # (layers, *KVCache), of these layers
    rows: int
    capability: int
    part: StagePart | None = None

    @property
    def overlaps(self) -> bool:
        return self.capability >= HOPPER

    def launches(self) -> list[Launch]:
        part = self.part or whole(self.decoder)
        launches: list[Launch] = [self._begin()] if part.is_first else []
        for layer, cache in zip(part.layers, self.kv_caches, strict=True):
            launches += self._layer(part, layer, cache)
        if not part.is_last:
            return launches
        return launches + head_launches(
            self.decoder, self.buffers, self.inputs, self.rows, self.capability, overlaps=self.overlaps
        )

    def _begin(self) -> KernelLaunch:
        decoder, buffers, inputs = self.decoder, self.buffers, self.inputs
        first = decoder.layers[0]
        assert isinstance(first, DecoderLayer)
        embedding = decoder.embed_tokens
        table = (
            (embedding.cb, embedding.scale)
            if isinstance(embedding, Int8Embedding)
            else (embedding.weight, None)
        )
        return begin(
            ids=inputs.part("ids"),
            drawn=buffers.tokens,
            positions=inputs.part("positions"),
            axes=buffers.axes,
            frequencies=decoder.frequencies,
            table=table,
            gain=first.input_layernorm.weight,
            residual=buffers.residual,
            x=buffers.x,
            cosines=buffers.cosines,
            sines=buffers.sines,
            position_rows=DECODE_ROWS,
            rows=self.rows,
            eps=decoder.config.rms_norm_eps,
            overlaps=self.overlaps,
        )

    def _layer(self, part: StagePart, layer: DecoderLayer, cache: Tensor) -> list[KernelLaunch]:
        config, buffers, rows = self.decoder.config, self.buffers, self.rows
        tiles = decode_tiles(self.capability, rows)
        gate_up, down = int8(layer.mlp.gate_up_proj), int8(layer.mlp.down_proj)
        qkv_launch, qkv_splits = self._product(int8(layer.self_attn.qkv_proj), buffers.x, tiles.qkv)
        o_launch, o_splits = self._product(int8(layer.self_attn.o_proj), buffers.attended, tiles.o)
        inner = self._inner(gate_up, down)
        gate_up_tile = self._fit(gate_up, buffers.x, tiles.gate_up, has_silu=True)
        down_launch, down_splits = self._product(down, inner, tiles.down)
        attention = decode_attention(
            buffers.y,
            cache,
            buffers.attended,
            cosines=buffers.cosines,
            sines=buffers.sines,
            tables=self.inputs.tables,
            table_stride=self.inputs.table_stride,
            lengths=self.inputs.part("lengths"),
            part=buffers.part,
            part_sums=buffers.part_sums,
            heads=config.num_attention_heads,
            splits=qkv_splits,
            rows=rows,
            keys=tiles.attention_keys,
            programs=tiles.attention_programs,
            overlaps=self.overlaps,
        )
        is_end = part.is_last and layer is part.layers[-1]
        x_next = head_input(self.decoder, buffers) if is_end else buffers.x
        middle = self._add_norm(
            layer.post_self_attn_layernorm.weight, layer.post_attention_layernorm.weight, buffers.x, o_splits
        )
        end = self._add_norm(layer.post_mlp_layernorm.weight, part.gain_after(layer), x_next, down_splits)
        gate_up_launch = self._launch(gate_up, buffers.x, inner, gate_up_tile, has_silu=True)
        return [qkv_launch, *attention, o_launch, middle, gate_up_launch, down_launch, end]

    def _inner(self, gate_up: Int8Linear, down: Int8Linear) -> Digits | Tensor:
        """The buffer from gate_up to down: digits, in groups of four if `gemv` computes both, or 16 bits."""
        buffers, tiles = self.buffers, decode_tiles(self.capability, self.rows)
        is_gemv = isinstance(self._fit(gate_up, buffers.x, tiles.gate_up, has_silu=True), GemvTile)
        if is_gemv and isinstance(self._fit(down, buffers.few_inner, tiles.down), GemvTile):
            return buffers.few_inner
        return buffers.inner if tiles.down_digits and not is_gemv else buffers.inner_16

    def _product(
        self, module: Int8Linear, x: Digits | Tensor, tile: Tile | GemvTile
    ) -> tuple[KernelLaunch, int]:
        """A product into `y`, as partial sums; also returns how many."""
        fitted = self._fit(module, x, tile)
        splits = fitted.splits if isinstance(fitted, Tile) else 1
        return self._launch(module, x, self.buffers.y, fitted), splits

    def _fit(
        self, module: Int8Linear, x: Digits | Tensor, tile: Tile | GemvTile, *, has_silu: bool = False
    ) -> Tile | GemvTile:
        out, width = module.cb.shape
        group = x.group if isinstance(x, Digits) else width
        return fit(tile, out // (1 + has_silu), width, group, has_silu=has_silu)

    def _launch(
        self,
        module: Int8Linear,
        x: Digits | Tensor,
        y: Digits | Tensor,
        tile: Tile | GemvTile,
        *,
        has_silu: bool = False,
    ) -> KernelLaunch:
        if isinstance(tile, GemvTile):
            assert isinstance(x, Digits)
            return gemv(
                x, module.cb, module.scale, y, tile,
                rows=self.rows, bias=module.bias, has_silu=has_silu, overlaps=self.overlaps,
            )  # fmt: skip
        return linear(
            x, module.cb, module.scale, y, tile,
            rows=self.rows, bias=module.bias, has_silu=has_silu, overlaps=self.overlaps,
        )  # fmt: skip

    def _add_norm(self, after: Tensor, following: Tensor, x: Digits | Tensor, splits: int) -> KernelLaunch:
        return add_norm(
            self.buffers.y,
            after,
            self.buffers.residual,
            following,
            x,
            splits=splits,
            rows=self.rows,
            eps=self.decoder.config.rms_norm_eps,
            overlaps=self.overlaps,
        )
