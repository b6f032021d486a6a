"""An encoded prompt: token ids, and the media features that replace some of them."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True, eq=False)
class MediaSpan:
    """One picture or recording inside a prompt, which occupies `length` placeholder tokens.

    `content_hash` covers the media and their preparation: equal hashes mean equal features.
    """

    start: int
    length: int
    content_hash: bytes
    features: Tensor  # (length, hidden), projected, on the decoder's device and in its dtype


@dataclass(frozen=True, slots=True, eq=False)
class EncodedPrompt:
    """Made by `LoadedModel.encode_prompt`. Immutable, so that a replayed request may reuse it.

    `media` is sorted by `start` and its spans do not overlap. `positions` is None if rotary positions are
    0, 1, 2, …; else generated token number k has position `next_position` + k on all three axes.
    `generation_prompt` is the text that the template wrote after the last message.
    """

    token_ids: tuple[int, ...]
    media: tuple[MediaSpan, ...] = ()
    positions: Tensor | None = None  # (3, len(token_ids)) int64 on the CPU
    generation_prompt: str = ""

    @property
    def next_position(self) -> int:
        if self.positions is None:
            return len(self.token_ids)
        return int(self.positions.max()) + 1


def multimodal_positions(length: int, grids: list[tuple[int, int, int]]) -> Tensor:
    """Returns (3, length): time, height and width of every token, as Glm4v counts them.

    `grids` are the (start, rows, columns) of pictures. All tokens of a picture have the same time; the tokens
    after it continue after its longer side.
    """
    pieces: list[Tensor] = []
    token = position = 0
    for start, rows, columns in grids:
        pieces.append(torch.arange(position, position + start - token).expand(3, -1))
        position += start - token
        down = torch.arange(rows).repeat_interleave(columns)
        right = torch.arange(columns).repeat(rows)
        pieces.append(torch.stack([torch.zeros_like(down), down, right]) + position)
        position += max(rows, columns)
        token = start + rows * columns
    pieces.append(torch.arange(position, position + length - token).expand(3, -1))
    return torch.cat(pieces, dim=1)
