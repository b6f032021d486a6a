"""transformers' Glm4v still has the inside that `inference/models/transformers_glm4v.py` uses."""

import pytest
import torch

from inference.errors import InvalidCheckpoint
from inference.models import transformers_glm4v
from inference.models.towers import build_glm4v_tower

pytestmark = pytest.mark.slow

DEPTH = 3
CONFIG: dict[str, object] = {
    "depth": DEPTH,
    "hidden_size": 32,
    "num_heads": 2,
    "image_size": 112,
    "patch_size": 14,
    "temporal_patch_size": 2,
    "spatial_merge_size": 2,
    "out_hidden_size": 64,
    "intermediate_size": 48,
    "rms_norm_eps": 1e-3,
}


@pytest.fixture(scope="module")
def tower() -> torch.nn.Module:
    return transformers_glm4v.make_module(CONFIG).eval()


def test_a_tower_is_built_without_storage() -> None:
    built = build_glm4v_tower(CONFIG)
    assert {each.device.type for each in built.parameters()} == {"meta"}
    assert not built.training


def test_a_config_that_transformers_refuses_is_an_invalid_checkpoint() -> None:
    with pytest.raises(InvalidCheckpoint, match=r"vision_config in config\.json is not one of Glm4v"):
        build_glm4v_tower(CONFIG | {"hidden_size": "wide"})


def test_the_blocks_are_all_layers(tower: torch.nn.Module) -> None:
    found = list(transformers_glm4v.blocks(tower))
    assert len(found) == DEPTH
    order: list[int] = []
    hooks = [
        block.register_forward_hook(lambda *_, number=number: order.append(number))
        for number, block in enumerate(found)
    ]
    transformers_glm4v.encode(tower, torch.zeros(16, 3 * 2 * 14**2), torch.tensor([[1, 4, 4]]))
    for hook in hooks:
        hook.remove()
    assert order == list(range(DEPTH))


def test_every_norm_is_found_with_its_weight_and_epsilon(tower: torch.nn.Module) -> None:
    found = list(transformers_glm4v.norms(tower))
    parents = [path.rpartition(".")[0] for path, _, _ in found]
    assert {parents.count(f"blocks.{number}") for number in range(DEPTH)} == {2}
    rows = torch.randn(5, 32, generator=torch.Generator().manual_seed(0))
    for path, weight, eps in found:
        expected = torch.nn.functional.rms_norm(rows, weight.shape, weight, eps)
        torch.testing.assert_close(tower.get_submodule(path)(rows), expected)


def test_features_are_merged_patches_in_the_decoders_width(tower: torch.nn.Module) -> None:
    features = transformers_glm4v.encode(tower, torch.zeros(16, 3 * 2 * 14**2), torch.tensor([[1, 4, 4]]))
    assert features.shape == (4, 64)


def test_rotary_frequencies_are_all_that_a_checkpoint_lacks(tower: torch.nn.Module) -> None:
    built = build_glm4v_tower(CONFIG)
    transformers_glm4v.rebuild_rotary(built, torch.device("cpu"))
    built.load_state_dict(tower.state_dict(), assign=True)
    assert [name for name, each in built.named_buffers() if each.device.type == "meta"] == []
    patches = torch.randn(16, 3 * 2 * 14**2, generator=torch.Generator().manual_seed(0))
    grid = torch.tensor([[1, 4, 4]])
    with torch.inference_mode():
        expected = transformers_glm4v.encode(tower, patches, grid)
        torch.testing.assert_close(transformers_glm4v.encode(built, patches, grid), expected, rtol=0, atol=0)
