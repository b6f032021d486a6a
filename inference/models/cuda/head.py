"""The last launches of every step: the output head over the rows that are sampled, and the draw."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from inference.kernels.cuda.gemv import gemv
from inference.kernels.cuda.linear import linear
from inference.kernels.cuda.norm import gather_norm
from inference.kernels.cuda.sampling import draw
from inference.kernels.cuda.tiles import GemvTile, decode_tiles, fit
from inference.kernels.digits import Digits
from inference.models.cuda.buffers import DecodeBuffers
from inference.models.cuda.inputs import StepInputs
from inference.models.decoder import Decoder
from inference.models.layers import Int8Linear, Linear

Launch = Callable[[], None]


def head_input(decoder: Decoder, buffers: DecodeBuffers) -> Digits | Tensor:
    """The buffer for the final norm's rows: digits for a head in int8, else 16 bits."""
    head: nn.Module = decoder.lm_head
    return buffers.x if isinstance(head, Int8Linear) else buffers.x_16


def head_launches(
    decoder: Decoder,
    buffers: DecodeBuffers,
    inputs: StepInputs,
    rows: int,
    capability: int,
    *,
    overlaps: bool,
) -> list[Launch]:
    """The launches from the normalised rows to the drawn tokens."""
    head: nn.Module = decoder.lm_head
    x = head_input(decoder, buffers)
    product: Launch
    if isinstance(head, Int8Linear):
        assert isinstance(x, Digits)
        out, width = head.cb.shape
        tile = fit(decode_tiles(capability, rows).head, out, width, width, most_splits=1)
        if isinstance(tile, GemvTile):
            product = gemv(x, head.cb, head.scale, buffers.logits, tile, rows=rows, overlaps=overlaps)
        else:
            product = linear(x, head.cb, head.scale, buffers.logits, tile, rows=rows, overlaps=overlaps)
    else:
        assert isinstance(head, Linear)
        assert isinstance(x, Tensor)
        rows_16, weight = x[:rows], head.weight

        def product() -> None:
            buffers.logits[:rows].copy_(torch.mm(rows_16, weight.T))

    drawing = draw(
        buffers.logits,
        inputs.sampling,
        inputs.tables_of_some,
        buffers.counts,
        buffers.tokens,
        best=buffers.best,
        best_at=buffers.best_at,
        rows=rows,
        overlaps=overlaps and isinstance(head, Int8Linear),
    )
    return [product, *drawing]


def picked_head_launches(
    decoder: Decoder,
    buffers: DecodeBuffers,
    inputs: StepInputs,
    residual: Tensor,
    rows: int,
    capability: int,
) -> list[Launch]:
    """After a prefill step: for the `rows` rows of `residual` that `inputs` picks."""
    norm = gather_norm(
        residual,
        inputs.part("picked"),
        decoder.norm.weight,
        head_input(decoder, buffers),
        rows=rows,
        eps=decoder.config.rms_norm_eps,
    )
    return [norm, *head_launches(decoder, buffers, inputs, rows, capability, overlaps=False)]
