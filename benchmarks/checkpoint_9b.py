"""A checkpoint in the published 9B model's shape, or in a tiny one, with random weights, saved in int8.

Layers are quantised as by bitsandbytes on the device, one shard at a time; the tower and the norms stay in
16 bits. Every token has text of its own, so that each one that is generated is streamed. No response ends by
chance: the id of its end is outside of the vocabulary.
"""

import itertools
import json
import string
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from torch import Tensor

from inference.models.towers import build_glm4v_tower

HEAD_DIM = 128
CONTROL_TOKENS = tuple(f"<|{name}|>" for name in ("endoftext", "system", "user", "assistant", "image"))
LAYERS_PER_SHARD = 5
WEIGHT_DEVIATION = 0.02
NORMS = (
    "input_layernorm",
    "post_self_attn_layernorm",
    "post_attention_layernorm",
    "post_mlp_layernorm",
)
TEMPLATE = (
    "{%- for m in messages -%}<|{{ m.role }}|>"
    "{%- if m.content is string -%}{{ m.content }}{%- else -%}{%- for p in m.content -%}"
    "{{ p.text if p.type == 'text' else '<|image|>' }}{%- endfor -%}{%- endif -%}"
    "{%- endfor -%}<|assistant|>"
)


@dataclass(frozen=True, slots=True)
class Shape:
    """Of the decoder, and of the vision tower in front of it."""

    layers: int
    hidden: int
    mlp: int
    heads: int
    kv_heads: int
    vocabulary: int
    tower_depth: int
    tower_hidden: int
    tower_heads: int

    @property
    def projections(self) -> dict[str, tuple[int, int]]:
        width, kv_width = self.heads * HEAD_DIM, self.kv_heads * HEAD_DIM
        return {
            "self_attn.q_proj": (width, self.hidden),
            "self_attn.k_proj": (kv_width, self.hidden),
            "self_attn.v_proj": (kv_width, self.hidden),
            "self_attn.o_proj": (self.hidden, width),
            "mlp.gate_up_proj": (2 * self.mlp, self.hidden),
            "mlp.down_proj": (self.hidden, self.mlp),
        }

    @property
    def text_config(self) -> dict[str, object]:
        return {
            "model_type": "glm4v_text",
            "vocab_size": self.vocabulary,
            "hidden_size": self.hidden,
            "intermediate_size": self.mlp,
            "num_hidden_layers": self.layers,
            "num_attention_heads": self.heads,
            "num_key_value_heads": self.kv_heads,
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

    @property
    def vision_config(self) -> dict[str, object]:
        return {
            "depth": self.tower_depth,
            "hidden_size": self.tower_hidden,
            "num_heads": self.tower_heads,
            "patch_size": 14,
            "spatial_merge_size": 2,
            "out_hidden_size": self.hidden,
            "intermediate_size": self.mlp,
        }

    @property
    def config(self) -> dict[str, object]:
        return {
            "architectures": ["Glm4vForConditionalGeneration"],
            "model_type": "glm4v",
            "text_config": self.text_config,
            "vision_config": self.vision_config,
            "image_token_id": self.vocabulary - 1,
            "eos_token_id": [self.vocabulary],
            "tie_word_embeddings": False,
        }


NINE_B = Shape(40, 4096, 13_696, 32, 2, 151_552, 24, 1536, 12)
TINY = Shape(4, 256, 192, 2, 1, 1024, 1, 32, 2)  # for a run on a CPU


def write_checkpoint(directory: Path, device: str, shape: Shape = NINE_B) -> None:
    """Needs 11 GiB there for the 9B. `device` draws and quantises."""
    weight_map: dict[str, str] = {}
    for number, shard in enumerate(_shards(shape, device)):
        file_name = f"model-{number:05}.safetensors"
        save_file(shard, directory / file_name, {"format": "pt"})
        weight_map |= dict.fromkeys(shard, file_name)
    (directory / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
    (directory / "config.json").write_text(json.dumps(shape.config))
    (directory / "chat_template.jinja").write_text(TEMPLATE)
    _tokenizer(shape).save(str(directory / "tokenizer.json"))


def _shards(shape: Shape, device: str) -> Iterator[dict[str, Tensor]]:
    for first in range(0, shape.layers, LAYERS_PER_SHARD):
        shard: dict[str, Tensor] = {}
        for layer in range(first, min(first + LAYERS_PER_SHARD, shape.layers)):
            shard |= _layer(shape, f"model.language_model.layers.{layer}.", device)
        yield shard
    table = (shape.vocabulary, shape.hidden)
    yield _int8("model.language_model.embed_tokens", table, device) | _int8("lm_head", table, device)
    tower = {
        f"model.visual.{name}": torch.ones(parameter.shape, dtype=torch.bfloat16)
        if "norm" in name
        else _random(tuple(parameter.shape), device).cpu()
        for name, parameter in build_glm4v_tower(shape.vision_config).named_parameters()
    }
    yield tower | {"model.language_model.norm.weight": torch.ones(shape.hidden, dtype=torch.bfloat16)}


def _layer(shape: Shape, prefix: str, device: str) -> dict[str, Tensor]:
    tensors: dict[str, Tensor] = {}
    for name, size in shape.projections.items():
        tensors |= _int8(prefix + name, size, device)
    for name in ("q_proj", "k_proj", "v_proj"):
        width = shape.projections[f"self_attn.{name}"][0]
        tensors[f"{prefix}self_attn.{name}.bias"] = _random((width,), device).cpu()
    return tensors | {
        f"{prefix}{name}.weight": torch.ones(shape.hidden, dtype=torch.bfloat16) for name in NORMS
    }


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


def _tokenizer(shape: Shape) -> Tokenizer:
    """Bytes, then three letters a token without a merge that leads there, then control tokens."""
    bytes_alone = sorted(pre_tokenizers.ByteLevel.alphabet())
    triples = map("".join, itertools.product(string.ascii_letters, repeat=3))
    size = shape.vocabulary - len(CONTROL_TOKENS)
    symbols = [*bytes_alone, *itertools.islice(triples, size - len(bytes_alone))]
    missing = size - len(symbols)
    symbols += [
        "".join(digits) for digits in itertools.islice(itertools.product("0123456789", repeat=5), missing)
    ]
    tokenizer = Tokenizer(models.BPE({symbol: index for index, symbol in enumerate(symbols)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(list(CONTROL_TOKENS))
    return tokenizer
