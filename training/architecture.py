"""The shape of the embedded model, and its random beginning."""

import math

import torch
from torch import nn

from inference.models.audio_tower import AudioConfig
from inference.models.config import DecoderConfig
from inference.models.decoder import Decoder
from inference.models.fusion import Fusion
from inference.models.vision_tower import VisionConfig
from training.tokenizer import AUDIO, IMAGE, VOCAB_SIZE

MODEL_NAME = "autoglm-phone-tiny"
SEED = 20_260_101
MATRIX_SPREAD = 0.02  # standard deviation
EMBEDDING_SPREAD = 0.06  # tied to the head: logits begin with a standard deviation of about 1
BRANCH_SCALE = 0.1  # of what attention and MLP add to a row, so that the row's own token outweighs them

TEXT = DecoderConfig(
    vocab_size=VOCAB_SIZE,
    hidden_size=320,
    intermediate_size=832,
    num_layers=8,
    num_attention_heads=10,
    num_key_value_heads=2,
    head_dim=32,
    max_position_embeddings=4096,
    rms_norm_eps=1e-5,
    rope_theta=10_000.0,
    partial_rotary_factor=0.5,
    attention_bias=True,
    tie_word_embeddings=True,
)
VISION = VisionConfig(
    hidden_size=192,
    num_layers=5,
    num_heads=6,
    intermediate_size=576,
    patch_size=16,
    merge_size=2,
    max_tokens=256,
)
SPEECH = AudioConfig(
    num_mels=80, hidden_size=256, num_layers=4, num_heads=4, intermediate_size=512, stack_size=2
)


def build() -> tuple[Decoder, Fusion]:
    """In float32 on the CPU, with random weights; the same each time."""
    torch.manual_seed(SEED)
    decoder, fusion = Decoder(TEXT), Fusion(TEXT.hidden_size, VISION, SPEECH)
    decoder.lm_head.weight = decoder.embed_tokens.weight
    for name, parameter in [*decoder.named_parameters(), *fusion.named_parameters()]:
        if name.endswith("bias"):
            nn.init.zeros_(parameter)
        elif parameter.dim() > 2:  # convolutions: keep the variance through GELU
            nn.init.normal_(parameter, std=math.sqrt(2 / parameter[0].numel()))
        elif parameter.dim() == 2:
            nn.init.normal_(parameter, std=MATRIX_SPREAD)
        elif "post_" in name:
            is_before_mlp = name.endswith("post_attention_layernorm.weight")
            nn.init.constant_(parameter, 1.0 if is_before_mlp else BRANCH_SCALE)
    nn.init.normal_(decoder.embed_tokens.weight, std=EMBEDDING_SPREAD)
    return decoder, fusion


def describe(eos_token_ids: list[int]) -> dict[str, object]:
    """Returns config.json; `text_config` is a Glm4Config."""
    text = {name: getattr(TEXT, name) for name in DecoderConfig.__slots__ if name != "mrope_section"}
    rope = {name: text.pop(name) for name in ("rope_theta", "partial_rotary_factor")}
    text["num_hidden_layers"] = text.pop("num_layers")
    text["rope_parameters"] = {"rope_type": "default", **rope}
    return {
        "architectures": ["AutoGLMFusionForConditionalGeneration"],
        "model_type": "autoglm_fusion",
        "model_name": MODEL_NAME,
        "dtype": "float16",
        "eos_token_id": eos_token_ids,
        "image_token": IMAGE,
        "audio_token": AUDIO,
        "text_config": {"model_type": "glm4", "hidden_act": "silu", **text},
        "vision_config": {name: getattr(VISION, name) for name in VisionConfig.__slots__},
        "audio_config": {name: getattr(SPEECH, name) for name in AudioConfig.__slots__},
    }
