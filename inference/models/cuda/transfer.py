"""Copies what a stage's first layer needs from the device before it. No copy waits for the host.

The normalised rows are copied, too, so that every stage multiplies the same numbers as one device would:
another kernel than the one that made them could sum in another order.
"""

from torch import Tensor

from inference.kernels.digits import Digits
from inference.models.cuda.buffers import DecodeBuffers, PrefillBuffers


def transfer_decode(source: DecodeBuffers, target: DecodeBuffers, rows: int) -> None:
    _copy_rows(source.residual, target.residual, rows)
    _copy_rows(source.x, target.x, rows)
    _copy_rows(source.cosines, target.cosines, rows)
    _copy_rows(source.sines, target.sines, rows)


def transfer_prefill(source: PrefillBuffers, target: PrefillBuffers, rows: int, *, has_digits: bool) -> None:
    _copy_rows(source.residual, target.residual, rows)
    _copy_rows(source.cosines, target.cosines, rows)
    _copy_rows(source.sines, target.sines, rows)
    if has_digits:
        _copy_rows(source.x, target.x, rows)
    else:
        _copy_rows(source.x_16, target.x_16, rows)


def transfer_tokens(source: DecodeBuffers, target: DecodeBuffers) -> None:
    """The tokens that the last device has drawn, to the first one, whose next step may begin with them."""
    target.tokens.copy_(source.tokens, non_blocking=True)


def _copy_rows(source: Digits | Tensor, target: Digits | Tensor, rows: int) -> None:
    """Piece by piece where rows are not consecutive: devices exchange consecutive bytes only."""
    if isinstance(source, Tensor):
        assert isinstance(target, Tensor)
        target[:rows].copy_(source[:rows], non_blocking=True)
        return
    assert isinstance(target, Digits)
    for digit in range(source.values.shape[0]):
        target.values[digit, :rows].copy_(source.values[digit, :rows], non_blocking=True)
    for group in range(source.steps.shape[0]):
        target.steps[group, :rows].copy_(source.steps[group, :rows], non_blocking=True)
