"""Makes the embedded checkpoint, complete but untrained: `python -m training.initialise [directory]`.

The same seed gives the same bytes. Weights are named as transformers names a Glm4ForCausalLM's, so
that a trainer can use either implementation of the decoder.
"""

import json
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from inference.config import EMBEDDED_MODEL
from inference.models.audio_tower import AudioConfig
from inference.models.config import DecoderConfig
from inference.models.decoder import Decoder
from inference.models.fusion import Fusion
from inference.models.vision_tower import VisionConfig
from training.tokenizer import AUDIO, END_OF_TEXT, IMAGE, USER, VOCAB_SIZE, train_tokenizer

SEED = 20_260_101
INITIAL_SPREAD = 0.02  # standard deviation of every matrix
MODEL_NAME = "autoglm-phone-tiny"
TEMPLATE = Path(__file__).with_name("chat_template.jinja")
MODEL_CARD = Path(__file__).with_name("model_card.md")

TEXT = DecoderConfig(
    vocab_size=VOCAB_SIZE,
    hidden_size=192,
    intermediate_size=512,
    num_layers=4,
    num_attention_heads=6,
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
    num_layers=2,
    num_heads=6,
    intermediate_size=384,
    patch_size=16,
    merge_size=2,
    max_tokens=256,
)
SPEECH = AudioConfig(
    num_mels=80, hidden_size=128, num_layers=2, num_heads=4, intermediate_size=256, stack_size=4
)


def initialise(directory: Path) -> None:
    """Writes every file of the checkpoint into an existing directory."""
    tokenizer = train_tokenizer()
    assert tokenizer.get_vocab_size() == VOCAB_SIZE, "the sentences do not fill the vocabulary"
    vocabulary = tokenizer.get_vocab()
    eos_token_ids = [vocabulary[END_OF_TEXT], vocabulary[USER]]
    tokenizer.save(str(directory / "tokenizer.json"))
    tokenizer_settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": END_OF_TEXT,
        "pad_token": END_OF_TEXT,
        "model_max_length": TEXT.max_position_embeddings,
        "clean_up_tokenization_spaces": False,
    }
    _write_json(directory / "tokenizer_config.json", tokenizer_settings)
    _write_json(directory / "config.json", describe(eos_token_ids))
    _write_json(directory / "generation_config.json", {"eos_token_id": eos_token_ids})
    (directory / "chat_template.jinja").write_text(TEMPLATE.read_text("utf-8"), "utf-8")
    (directory / "README.md").write_text(MODEL_CARD.read_text("utf-8"), "utf-8")
    weights_file = directory / "model.safetensors"
    save_file(initial_weights(), weights_file, metadata={"format": "pt"})
    weights_file.chmod(0o644)  # safetensors writes for the owner alone


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


def initial_weights() -> dict[str, Tensor]:
    torch.manual_seed(SEED)
    decoder, fusion = Decoder(TEXT), Fusion(TEXT.hidden_size, VISION, SPEECH)
    for model in (decoder, fusion):
        for name, parameter in model.named_parameters():
            if name.endswith("bias"):
                nn.init.zeros_(parameter)
            elif parameter.dim() > 1:
                nn.init.normal_(parameter, std=INITIAL_SPREAD)
    weights = {**rename_decoder(decoder.state_dict(), TEXT), **fusion.state_dict()}
    return {name: tensor.to(torch.float16).contiguous() for name, tensor in weights.items()}


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


if __name__ == "__main__":
    initialise(Path(sys.argv[1]) if len(sys.argv) > 1 else EMBEDDED_MODEL)
