"""A checkpoint in the published 9B model's shape, with random weights, saved in int8.

Layers are quantised as by bitsandbytes on the device, one shard at a time; the tower and the norms stay in
16 bits. Every token has text of its own, so that each one that is generated is streamed.
"""

import itertools
import json
import string
from collections.abc import Iterator
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from torch import Tensor

from inference.models.towers import build_glm4v_tower

LAYERS = 40
HIDDEN = 4096
MLP = 13_696
KV_WIDTH = 2 * 128
VOCABULARY = 151_552
CONTROL_TOKENS = tuple(f"<|{name}|>" for name in ("endoftext", "system", "user", "assistant", "image"))
EOS = VOCABULARY - len(CONTROL_TOKENS)
LAYERS_PER_SHARD = 5
WEIGHT_DEVIATION = 0.02
TEXT_CONFIG = {
    "model_type": "glm4v_text",
    "vocab_size": VOCABULARY,
    "hidden_size": HIDDEN,
    "intermediate_size": MLP,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": 32,
    "num_key_value_heads": 2,
    "max_position_embeddings": 25_480,
    "rms_norm_eps": 1e-5,
    "attention_bias": True,
    "rope_parameters": {
        "rope_type": "default",
        "rope_theta": 10_000.0,
        "partial_rotary_factor": 0.5,
        "mrope_section": [8, 12, 12],
    },
}
VISION_CONFIG: dict[str, object] = {
    "depth": 24,
    "hidden_size": 1536,
    "num_heads": 12,
    "patch_size": 14,
    "spatial_merge_size": 2,
    "out_hidden_size": HIDDEN,
    "intermediate_size": MLP,
}
CONFIG = {
    "architectures": ["Glm4vForConditionalGeneration"],
    "model_type": "glm4v",
    "text_config": TEXT_CONFIG,
    "vision_config": VISION_CONFIG,
    "image_token_id": VOCABULARY - 1,
    "eos_token_id": [EOS],
    "tie_word_embeddings": False,
}
TEMPLATE = (
    "{%- for m in messages -%}<|{{ m.role }}|>"
    "{%- if m.content is string -%}{{ m.content }}{%- else -%}{%- for p in m.content -%}"
    "{{ p.text if p.type == 'text' else '<|image|>' }}{%- endfor -%}{%- endif -%}"
    "{%- endfor -%}<|assistant|>"
)
PROJECTIONS = {
    "self_attn.q_proj": (HIDDEN, HIDDEN),
    "self_attn.k_proj": (KV_WIDTH, HIDDEN),
    "self_attn.v_proj": (KV_WIDTH, HIDDEN),
    "self_attn.o_proj": (HIDDEN, HIDDEN),
    "mlp.gate_up_proj": (2 * MLP, HIDDEN),
    "mlp.down_proj": (HIDDEN, MLP),
}
NORMS = (
    "input_layernorm",
    "post_self_attn_layernorm",
    "post_attention_layernorm",
    "post_mlp_layernorm",
)


def write_checkpoint(directory: Path, device: str) -> None:
    """Needs 11 GiB there. `device` draws and quantises."""
    weight_map: dict[str, str] = {}
    for number, shard in enumerate(_shards(device)):
        file_name = f"model-{number:05}.safetensors"
        save_file(shard, directory / file_name, {"format": "pt"})
        weight_map |= dict.fromkeys(shard, file_name)
    (directory / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
    (directory / "config.json").write_text(json.dumps(CONFIG))
    (directory / "chat_template.jinja").write_text(TEMPLATE)
    _tokenizer().save(str(directory / "tokenizer.json"))


def _shards(device: str) -> Iterator[dict[str, Tensor]]:
    for first in range(0, LAYERS, LAYERS_PER_SHARD):
        shard: dict[str, Tensor] = {}
        for layer in range(first, first + LAYERS_PER_SHARD):
            shard |= _layer(f"model.language_model.layers.{layer}.", device)
        yield shard
    shape = (VOCABULARY, HIDDEN)
    yield _int8("model.language_model.embed_tokens", shape, device) | _int8("lm_head", shape, device)
    tower = {
        f"model.visual.{name}": torch.ones(parameter.shape, dtype=torch.bfloat16)
        if "norm" in name
        else _random(tuple(parameter.shape), device).cpu()
        for name, parameter in build_glm4v_tower(VISION_CONFIG).named_parameters()
    }
    yield tower | {"model.language_model.norm.weight": torch.ones(HIDDEN, dtype=torch.bfloat16)}


def _layer(prefix: str, device: str) -> dict[str, Tensor]:
    tensors: dict[str, Tensor] = {}
    for name, shape in PROJECTIONS.items():
        tensors |= _int8(prefix + name, shape, device)
    for name in ("q_proj", "k_proj", "v_proj"):
        width = PROJECTIONS[f"self_attn.{name}"][0]
        tensors[f"{prefix}self_attn.{name}.bias"] = _random((width,), device).cpu()
    return tensors | {f"{prefix}{name}.weight": torch.ones(HIDDEN, dtype=torch.bfloat16) for name in NORMS}


def _int8(name: str, shape: tuple[int, int], device: str) -> dict[str, Tensor]:
    """As bitsandbytes' Linear8bitLt saves it."""
    weight = _random(shape, device).float()
    scb = weight.abs().amax(dim=1)
    return {
        f"{name}.weight": (weight * (127 / scb)[:, None]).round().to(torch.int8).cpu(),
        f"{name}.SCB": scb.cpu(),
        f"{name}.weight_format": torch.tensor(0, dtype=torch.uint8),
    }


def _random(shape: tuple[int, ...], device: str) -> Tensor:
    return torch.empty(shape, dtype=torch.bfloat16, device=device).normal_(std=WEIGHT_DEVIATION)


def _tokenizer() -> Tokenizer:
    """Bytes, then three letters a token without a merge that leads there, then control tokens."""
    bytes_alone = sorted(pre_tokenizers.ByteLevel.alphabet())
    triples = map("".join, itertools.product(string.ascii_letters, repeat=3))
    symbols = [*bytes_alone, *itertools.islice(triples, EOS - len(bytes_alone))]
    missing = EOS - len(symbols)
    symbols += [
        "".join(digits) for digits in itertools.islice(itertools.product("0123456789", repeat=5), missing)
    ]
    tokenizer = Tokenizer(models.BPE({symbol: index for index, symbol in enumerate(symbols)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(list(CONTROL_TOKENS))
    return tokenizer
