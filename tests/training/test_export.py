"""What was trained becomes a checkpoint that the engine loads, int8 where it should be."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from inference.loading.registry import load_model
from training.export import export
from training.forward import TrainingModel

HEAD = "decoder.lm_head.weight"  # tied to the embedding


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("trained") / "weights.safetensors"
    state = TrainingModel().state_dict()
    save_file({name: tensor.half() for name, tensor in state.items() if name != HEAD}, path)
    return path


@pytest.mark.slow
def test_only_the_decoders_matrices_are_int8(trained: Path, tmp_path: Path) -> None:
    export(trained, tmp_path, is_int8=True)
    weights = load_file(tmp_path / "model.safetensors")
    rounded = {name for name, tensor in weights.items() if tensor.dtype == torch.int8}
    assert all(name.startswith(("model.layers.", "text_embedding.")) for name in rounded)
    assert {f"{name.removesuffix('weight')}SCB" for name in rounded} <= set(weights)
    towers = [tensor.dtype for name, tensor in weights.items() if "tower" in name or "visual" in name]
    assert set(towers) == {torch.float16}
    assert not any("transcriber" in name or "reader" in name for name in weights)


@pytest.mark.slow
def test_the_engine_loads_it_and_computes_nearly_the_same_from_int8(trained: Path, tmp_path: Path) -> None:
    embeddings = []
    for is_int8 in (False, True):
        directory = tmp_path / str(is_int8)
        export(trained, directory, is_int8=is_int8)
        model = load_model(str(directory), "cpu", "none")
        assert model.modalities == {"text", "image", "audio"}
        embeddings.append(model.decoder.embed(torch.arange(64)))
    error = (embeddings[0] - embeddings[1]).norm() / embeddings[0].norm()
    assert 0 < error < 0.02
