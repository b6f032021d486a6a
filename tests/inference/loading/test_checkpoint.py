"""Everything that is wrong with a model directory is reported in one sentence."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from inference.errors import InvalidCheckpoint
from inference.loading.registry import load_model

from ..tiny_checkpoints import edit_json, edit_weights, write_glm4, write_glm4v

NORM = "model.layers.1.mlp.down_proj.weight"

Damage = Callable[[Path], object]


def cut_off(path: Path, size: int) -> None:
    path.write_bytes(path.read_bytes()[:size])


def shard(directory: Path, file_name: str) -> None:
    """Renames the one weight file, and writes an index."""
    (directory / "model.safetensors").rename(directory / "shard.safetensors")
    (directory / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {NORM: file_name}}))


DAMAGES: dict[str, tuple[Damage, str]] = {
    "no config": (lambda d: (d / "config.json").unlink(), "has no config.json"),
    "config is not JSON": (lambda d: (d / "config.json").write_text("{"), "config.json .* is damaged"),
    "config is a list": (lambda d: (d / "config.json").write_text("[1]"), "config.json .* is damaged"),
    "config is not text": (
        lambda d: (d / "config.json").write_bytes(b"\xff\xfe{"),
        "config.json .* is damaged",
    ),
    "unknown architecture": (
        lambda d: edit_json(d / "config.json", architectures=["LlamaForCausalLM"]),
        "has the architecture LlamaForCausalLM; served are Glm4ForCausalLM",
    ),
    "no architecture": (lambda d: edit_json(d / "config.json", architectures=None), "the architecture none"),
    "no hidden size": (lambda d: edit_json(d / "config.json", hidden_size=None), "no usable hidden_size"),
    "negative size": (
        lambda d: edit_json(d / "config.json", num_hidden_layers=-1),
        "no usable num_hidden_layers",
    ),
    "scaled positions": (
        lambda d: edit_json(d / "config.json", rope_parameters={"rope_type": "yarn", "rope_theta": 1e4}),
        r"scales its rotary positions \(yarn\)",
    ),
    "other activation": (lambda d: edit_json(d / "config.json", hidden_act="gelu"), "activates by gelu"),
    "heads that do not divide": (
        lambda d: edit_json(d / "config.json", num_attention_heads=5),
        "contradicts itself: num_attention_heads",
    ),
    "no weights": (lambda d: (d / "model.safetensors").unlink(), "has no model.safetensors; convert"),
    "weights cut off": (
        lambda d: cut_off(d / "model.safetensors", 100_000),
        "model.safetensors .* is damaged or cut off",
    ),
    "weights empty": (lambda d: cut_off(d / "model.safetensors", 0), "is damaged or cut off"),
    "a missing weight": (lambda d: edit_weights(d, {NORM: None}), f"lacks the weights {NORM}"),
    "a foreign weight": (
        lambda d: edit_weights(d, {"vision.x": torch.zeros(2)}),
        "has 1 weights that its architecture does not have, such as vision.x",
    ),
    "a wrong shape": (
        lambda d: edit_weights(d, {NORM: torch.zeros(64, 95)}),
        rf"weights {NORM} have the shape \(64, 95\) and config.json says \(64, 96\)",
    ),
    "a wrong bias": (
        lambda d: edit_weights(d, {"model.layers.0.self_attn.k_proj.bias": torch.zeros(3)}),
        "have the shape",
    ),
    "a number type": (
        lambda d: edit_weights(d, {NORM: torch.zeros(64, 96, dtype=torch.float64)}),
        "are stored as torch.float64",
    ),
    "integers without scale": (
        lambda d: edit_weights(d, {NORM: torch.zeros(64, 96, dtype=torch.int8)}),
        "are stored as torch.int8",
    ),
    "a scale of another length": (
        lambda d: edit_weights(
            d,
            {NORM: torch.zeros(64, 96, dtype=torch.int8), NORM.replace("weight", "SCB"): torch.ones(3)},
        ),
        "not in bitsandbytes' row format",
    ),
    "no tokenizer": (lambda d: (d / "tokenizer.json").unlink(), "has no tokenizer.json"),
    "no chat template": (lambda d: (d / "chat_template.jinja").unlink(), "has no chat template"),
    "a broken chat template": (
        lambda d: (d / "chat_template.jinja").write_text("{% for %}"),
        "chat template .* is not valid",
    ),
    "no end": (
        lambda d: (edit_json(d / "config.json", eos_token_id=None), (d / "generation_config.json").unlink()),
        "names no eos_token_id",
    ),
    "a missing shard": (lambda d: shard(d, "other.safetensors"), "lacks its file other.safetensors"),
    "a shard elsewhere": (lambda d: shard(d, "../shard.safetensors"), "index.json .* is damaged"),
    "an index of nothing": (
        lambda d: (
            (d / "model.safetensors").unlink(),
            (d / "model.safetensors.index.json").write_text('{"weight_map": {}}'),
        ),
        "has no model.safetensors",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_one_sentence_that_says_what_to_do(tmp_path: Path, damage: str) -> None:
    write_glm4(tmp_path)
    inflict, sentence = DAMAGES[damage]
    inflict(tmp_path)
    with pytest.raises(InvalidCheckpoint, match=sentence) as caught:
        load_model(str(tmp_path), "cpu", "none")
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith(".")


@pytest.mark.parametrize("image_token_id", [7, None])
def test_an_image_token_that_the_template_does_not_write_is_refused_at_the_start(
    tmp_path: Path, image_token_id: int | None
) -> None:
    write_glm4v(tmp_path)
    edit_json(tmp_path / "config.json", image_token_id=image_token_id)
    with pytest.raises(InvalidCheckpoint, match=r"does not write the image token .* from one model"):
        load_model(str(tmp_path), "cpu", "none")


def test_a_template_that_wants_another_conversation_is_no_reason_not_to_start(tmp_path: Path) -> None:
    write_glm4v(tmp_path)
    (tmp_path / "chat_template.jinja").write_text("{{ raise_exception('the system first') }}")
    assert load_model(str(tmp_path), "cpu", "none").modalities == {"text", "image"}


@pytest.mark.parametrize("name", ["/nowhere/at/all", "no spaces allowed", "../etc", ""])
def test_a_name_that_is_neither_a_directory_nor_a_hub_name_is_refused_without_a_download(
    name: str, tmp_path: Path
) -> None:
    with pytest.raises(InvalidCheckpoint, match="There is no model directory"):
        load_model(name or str(tmp_path / "absent"), "cpu", "none")


def test_a_file_is_not_a_directory(tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    file.touch()
    with pytest.raises(InvalidCheckpoint, match="There is no model directory"):
        load_model(str(file), "cpu", "none")


@pytest.mark.slow
def test_a_model_that_cannot_be_downloaded_is_one_sentence(tmp_path: Path) -> None:
    """In another process, because the hub's client reads its environment once."""
    program = (
        "from inference.errors import InvalidCheckpoint\n"
        "from inference.loading.checkpoint import open_checkpoint\n"
        "try: open_checkpoint('someone/some-model')\n"
        "except InvalidCheckpoint as error: print(error)\n"
    )
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path)}
    command = [sys.executable, "-c", program]
    result = subprocess.run(command, env=environment, check=True, timeout=100, capture_output=True, text=True)
    assert result.stdout.startswith("The model someone/some-model cannot be downloaded;")
    assert result.stdout.count("\n") == 1


def test_sharded_weights_load_as_one(tmp_path: Path) -> None:
    reference = write_glm4(tmp_path)
    expected = load_model(str(tmp_path), "cpu", "none").decoder.norm.weight
    (tmp_path / "model.safetensors").unlink()
    reference.save_pretrained(tmp_path, max_shard_size="100KB")
    assert (tmp_path / "model.safetensors.index.json").exists()
    assert torch.equal(load_model(str(tmp_path), "cpu", "none").decoder.norm.weight, expected)
