"""Writes a trained decoder and towers as the checkpoint that ships, in int8 or in 16 bits.

Weights are named as transformers names a Glm4ForCausalLM's, and int8 ones as bitsandbytes saves a
Linear8bitLt's: `weight` is CB, `SCB` the scale of each row.
"""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from inference.loading.int8 import quantize
from inference.models.config import DecoderConfig
from inference.models.decoder import Decoder
from inference.models.fusion import Fusion
from training.architecture import TEXT, describe
from training.tokenizer import CHAT_TEMPLATE, END_OF_TEXT, USER, load_tokenizer

MODEL_CARD = Path(__file__).with_name("model_card.md")


def write_tokenizer_files(directory: Path) -> None:
    """All of the checkpoint but its weights; tokenizer.json stands there already."""
    vocabulary = load_tokenizer(directory).get_vocab()
    eos_token_ids = [vocabulary[END_OF_TEXT], vocabulary[USER]]
    settings: dict[str, object] = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": END_OF_TEXT,
        "pad_token": END_OF_TEXT,
        "model_max_length": TEXT.max_position_embeddings,
        "clean_up_tokenization_spaces": False,
    }
    _write_json(directory / "tokenizer_config.json", settings)
    _write_json(directory / "config.json", describe(eos_token_ids))
    _write_json(directory / "generation_config.json", {"eos_token_id": eos_token_ids})
    (directory / "chat_template.jinja").write_text(CHAT_TEMPLATE.read_text("utf-8"), "utf-8")
    (directory / "README.md").write_text(MODEL_CARD.read_text("utf-8"), "utf-8")


def write_weights(directory: Path, decoder: Decoder, fusion: Fusion, *, is_int8: bool) -> None:
    """The decoder's matrices in int8 if asked; norms, biases and towers in 16 bits."""
    weights: dict[str, Tensor] = {}
    for name, tensor in (rename_decoder(decoder.state_dict(), TEXT) | fusion.state_dict()).items():
        half = tensor.detach().cpu().to(torch.float16).contiguous()
        if is_int8 and tensor.dim() == 2 and not hasattr(fusion, name.partition(".")[0]):
            quantized = quantize(half)
            weights[name] = quantized.cb
            weights[name.removesuffix("weight") + "SCB"] = quantized.scb
        else:
            weights[name] = half
    path = directory / "model.safetensors"
    save_file(weights, path, metadata={"format": "pt"})
    path.chmod(0o644)  # safetensors writes for the owner alone


def rename_decoder(state: dict[str, Tensor], config: DecoderConfig) -> dict[str, Tensor]:
    """Our decoder's names to transformers': q, k and v apart, the tied head left out."""
    query_width = config.num_attention_heads * config.head_dim
    key_width = config.num_key_value_heads * config.head_dim
    renamed: dict[str, Tensor] = {}
    for name, tensor in state.items():
        if name == "embed_tokens.weight":
            renamed["text_embedding.weight"] = tensor
        elif "qkv_proj" in name:
            parts = torch.split(tensor, [query_width, key_width, key_width])
            for letter, part in zip("qkv", parts, strict=True):
                renamed["model." + name.replace("qkv_proj", f"{letter}_proj")] = part
        elif name != "lm_head.weight":
            renamed[f"model.{name}"] = tensor
    return renamed


def _write_json(path: Path, value: dict[str, object]) -> None:
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", "utf-8")
