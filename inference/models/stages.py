"""Where a decoder's layers are when several devices share them."""

from dataclasses import dataclass

import torch


@dataclass(frozen=True, slots=True)
class Stage:
    """The layers from `first` to before `end`, on one device. The first stage's device also has the embedding
    and the towers, the last one's the final norm and the head."""

    device: torch.device
    first: int
    end: int

    @property
    def num_layers(self) -> int:
        return self.end - self.first
