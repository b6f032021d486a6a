"""What this project uses of transformers' vision model of Glm4v, and of its inside.

Most names here are not part of transformers' public interface. pyproject.toml bounds the version, and
`tests/inference/models/test_transformers_glm4v.py` fails where another version changes them.
"""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from inference.torchaudio_shim import import_torchaudio

NORM = "Glm4vRMSNorm"
ROTARY = "rotary_pos_emb"


def make_module(config: dict[str, object]) -> nn.Module:
    """`config` is a `vision_config`. Raises what transformers raises, errors of any class."""
    import_torchaudio()
    from transformers import Glm4vVisionConfig  # late: seconds that other architectures need not pay
    from transformers.models.glm4v.modeling_glm4v import Glm4vVisionModel

    module: nn.Module = Glm4vVisionModel(Glm4vVisionConfig.from_dict(config))
    return module


def blocks(module: nn.Module) -> Iterator[nn.Module]:
    """The transformer blocks, in the order in which `encode` runs them."""
    return module.get_submodule("blocks").children()


def norms(module: nn.Module) -> Iterator[tuple[str, nn.Parameter, float]]:
    """The path, weight and epsilon of every root-mean-square norm."""
    for path, part in module.named_modules():
        if type(part).__name__ == NORM:
            assert isinstance(part.weight, nn.Parameter)
            assert isinstance(part.variance_epsilon, float)
            yield path, part.weight, part.variance_epsilon


def rebuild_rotary(module: nn.Module, device: torch.device) -> None:
    """Computes the rotary frequencies, which no checkpoint stores, of a module that was built on "meta"."""
    embedding = module.get_submodule(ROTARY)
    module.set_submodule(ROTARY, type(embedding)(module.config).to(device))


def encode(module: nn.Module, patches: Tensor, grid: Tensor) -> Tensor:
    """patches (n, 3 * time * side ** 2), grid [[1, rows, columns]] of patches -> (tokens, hidden)."""
    features: Tensor = module(patches, grid_thw=grid).pooler_output
    return features
