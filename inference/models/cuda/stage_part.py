"""The layers of one device, with what a step needs to know about those before and after them."""

from dataclasses import dataclass

from torch import Tensor

from inference.models.decoder import Decoder, DecoderLayer
from inference.models.stages import Stage


@dataclass(frozen=True, slots=True, eq=False)
class StagePart:
    """`end_gain` is the weight of the norm after the last layer, on the layers' device."""

    layers: tuple[DecoderLayer, ...]
    is_first: bool
    is_last: bool
    end_gain: Tensor

    def gain_after(self, layer: DecoderLayer) -> Tensor:
        """The weight of the norm that follows a layer."""
        index = self.layers.index(layer)
        if index + 1 == len(self.layers):
            return self.end_gain
        return self.layers[index + 1].input_layernorm.weight


def whole(decoder: Decoder) -> StagePart:
    """All layers, on one device."""
    return StagePart(_layers(decoder), is_first=True, is_last=True, end_gain=decoder.norm.weight)


def part_of(decoder: Decoder, stage: Stage) -> StagePart:
    """Copies the weight of the norm after the stage to its device: graphs hold its address."""
    layers, is_last = _layers(decoder), stage.end == decoder.config.num_layers
    following = decoder.norm if is_last else layers[stage.end].input_layernorm
    return StagePart(
        layers[stage.first : stage.end],
        is_first=stage.first == 0,
        is_last=is_last,
        end_gain=following.weight.to(stage.device),
    )


def _layers(decoder: Decoder) -> tuple[DecoderLayer, ...]:
    return tuple(layer for layer in decoder.layers if isinstance(layer, DecoderLayer))
