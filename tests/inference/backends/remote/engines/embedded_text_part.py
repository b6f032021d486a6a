"""The decoder of the embedded model as a Glm4ForCausalLM, which engines of others can load."""

import json
import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from inference.config import EMBEDDED_MODEL

DECODER = ("model.", "text_embedding.")
TOKENIZER = ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "generation_config.json")


def write_text_part(directory: Path) -> None:
    """In float32, the int8 weights times their scales."""
    config = json.loads((EMBEDDED_MODEL / "config.json").read_text())
    text = config["text_config"] | {
        "architectures": ["Glm4ForCausalLM"],
        "eos_token_id": config["eos_token_id"],
        "pad_token_id": config["eos_token_id"][0],
        "dtype": "float32",
    }
    (directory / "config.json").write_text(json.dumps(text))
    tensors = load_file(EMBEDDED_MODEL / "model.safetensors")
    weights = {}
    for name, tensor in tensors.items():
        if not name.startswith(DECODER) or name.endswith(".SCB"):
            continue
        weight = tensor.float()
        scale = tensors.get(name.removesuffix("weight") + "SCB")
        if scale is not None:
            weight = weight * scale.float()[:, None] / 127
        weights[name.replace("text_embedding", "model.embed_tokens")] = weight.to(torch.float32)
    save_file(weights, directory / "model.safetensors", {"format": "pt"})
    for name in TOKENIZER:
        shutil.copy(EMBEDDED_MODEL / name, directory)
