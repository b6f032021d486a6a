"""Which architectures are served, and how a checkpoint of each becomes a model in memory."""

from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from inference.devices import computing_dtype
from inference.errors import InvalidCheckpoint, PromptRefused
from inference.loading.chat_template import ChatTemplate, load_chat_template
from inference.loading.checkpoint import JSON, Checkpoint, is_on_hub, open_checkpoint, require_float
from inference.loading.device_copy import DeviceCopy
from inference.loading.loaded_model import LoadedModel
from inference.loading.model_config import (
    read_audio_config,
    read_decoder_config,
    read_glm4v_image_config,
    read_section,
    read_token_ids,
    read_vision_config,
)
from inference.loading.tokenizer import TextTokenizer, load_tokenizer
from inference.loading.weights import Sources, WeightLoader, refuse_foreign_weights
from inference.models.config import DecoderConfig
from inference.models.decoder import Decoder
from inference.models.fusion import Fusion
from inference.models.media_encoder import MediaEncoder
from inference.types import Audio, Image, Message, Part, Text

GLM4V_IMAGE_TOKEN_ID = 151_343  # where config.json leaves it to transformers' default
FUSED = {"qkv_proj": ("q_proj", "k_proj", "v_proj")}
HEAD = ("embed_tokens", "lm_head")

ShouldQuantize = Callable[[str], bool]  # asked with the path of one of the decoder's modules
Load = Callable[[Checkpoint, torch.device, ShouldQuantize], LoadedModel]


def load_model(
    path_or_hub_name: str, device: str, quantization: str, quantize_head: bool = True
) -> LoadedModel:
    """Loads a model directory or a hub name. `quantization` is "int8" or "none".

    Saved int8 stays int8, but for CPUs that are slower by it, where it is unpacked unless "int8" is
    asked for. Without `quantize_head` the output head and the embedding stay floats.

    Raises `InvalidCheckpoint`.
    """
    checkpoint = open_checkpoint(path_or_hub_name)
    load = _loader_of(checkpoint)
    kept = () if quantize_head else HEAD
    model = load(checkpoint, torch.device(device), lambda path: quantization == "int8" and path not in kept)
    refuse_foreign_weights(checkpoint)
    return model


def check_model(path_or_hub_name: str) -> None:
    """Opens all files of a model directory, and reads them but for the weights. Asks no hub.

    Raises `InvalidCheckpoint`.
    """
    if is_on_hub(path_or_hub_name):
        return
    checkpoint = open_checkpoint(path_or_hub_name)
    _loader_of(checkpoint)
    load_tokenizer(checkpoint)
    load_chat_template(checkpoint)


def _loader_of(checkpoint: Checkpoint) -> Load:
    architectures = checkpoint.config.get("architectures")
    architecture = str(architectures[0]) if isinstance(architectures, list) and architectures else "none"
    load = ARCHITECTURES.get(architecture)
    if load is None:
        raise InvalidCheckpoint(
            f"The checkpoint {checkpoint.name} has the architecture {architecture}; served are "
            f"{', '.join(ARCHITECTURES)}."
        )
    return load


def _load_glm4(checkpoint: Checkpoint, device: torch.device, should_quantize: ShouldQuantize) -> LoadedModel:
    config = read_decoder_config(checkpoint.config, checkpoint.name)
    loader = _weight_loader(checkpoint, "model.norm.weight", device, should_quantize)
    decoder = _load_decoder(loader, config, "model.", "model.embed_tokens")
    return _assemble(checkpoint, checkpoint.name, decoder, None, load_tokenizer(checkpoint), {})


def _load_fusion(
    checkpoint: Checkpoint, device: torch.device, should_quantize: ShouldQuantize
) -> LoadedModel:
    config = read_decoder_config(read_section(checkpoint.config, "text_config"), checkpoint.name)
    vision = read_vision_config(checkpoint.config, checkpoint.name)
    audio = read_audio_config(checkpoint.config, checkpoint.name)
    loader = _weight_loader(checkpoint, "model.norm.weight", device, should_quantize)
    decoder = _load_decoder(loader, config, "model.", "text_embedding")
    with torch.device("meta"):
        fusion = Fusion(config.hidden_size, vision, audio)
    loader.load(fusion, lambda path: (path,))
    tokenizer = load_tokenizer(checkpoint)
    placeholders = {modality: _placeholder(checkpoint, tokenizer, modality) for modality in fusion.modalities}
    name = str(checkpoint.config.get("model_name") or checkpoint.name)
    return _assemble(checkpoint, name, decoder, fusion, tokenizer, placeholders)


def _load_glm4v(checkpoint: Checkpoint, device: torch.device, should_quantize: ShouldQuantize) -> LoadedModel:
    from inference.models.glm4v_vision import Glm4vVision, build_tower, restore_frequencies

    text = {"mrope_section": [8, 12, 12], **read_section(checkpoint.config, "text_config")}
    tie = checkpoint.config.get("tie_word_embeddings", False)
    config = read_decoder_config({"tie_word_embeddings": tie, **text}, checkpoint.name)
    loader = _weight_loader(checkpoint, "model.language_model.norm.weight", device, should_quantize)
    prefix = "model.language_model."
    decoder = _load_decoder(loader, config, prefix, f"{prefix}embed_tokens")
    vision = read_section(checkpoint.config, "vision_config")
    tower = build_tower(vision)
    loader.load(tower, lambda path: (f"model.visual.{path}",))
    restore_frequencies(tower, device)
    preprocessor = checkpoint.read_json("preprocessor_config.json")
    images = read_glm4v_image_config(vision, preprocessor, checkpoint.name)
    tokenizer = load_tokenizer(checkpoint)
    image_token_ids = read_token_ids(checkpoint.config, "image_token_id") or {GLM4V_IMAGE_TOKEN_ID}
    placeholders = {"image": next(iter(image_token_ids))}
    return _assemble(
        checkpoint, checkpoint.name, decoder, Glm4vVision(tower, images), tokenizer, placeholders
    )


ARCHITECTURES: dict[str, Load] = {
    "Glm4ForCausalLM": _load_glm4,
    "Glm4vForConditionalGeneration": _load_glm4v,
    "AutoGLMFusionForConditionalGeneration": _load_fusion,
}


def _weight_loader(
    checkpoint: Checkpoint, norm: str, device: torch.device, should_quantize: ShouldQuantize
) -> WeightLoader:
    """Computes in 32 bits on the CPU, else in the type that the norms, never quantised, are stored in."""
    tensor = checkpoint.read(norm)
    require_float(tensor, norm)
    dtype = computing_dtype(device, tensor.dtype)
    return WeightLoader(checkpoint, device, dtype, should_quantize, DeviceCopy(device))


def _load_decoder(loader: WeightLoader, config: DecoderConfig, prefix: str, embedding: str) -> Decoder:
    with torch.device("meta"):
        decoder = Decoder(config)
    if config.tie_word_embeddings:
        loader.checkpoint.skip("lm_head.weight")
    head = embedding if config.tie_word_embeddings else "lm_head"
    loader.load(decoder, _decoder_sources(prefix, embedding, head))
    decoder.frequencies = nn.Buffer(decoder.frequencies.to(loader.device), persistent=False)
    return decoder.eval()


def _decoder_sources(prefix: str, embedding: str, head: str) -> Sources:
    """transformers' names: everything under `prefix`, and q, k and v apart."""

    def sources(path: str) -> tuple[str, ...]:
        if path == "embed_tokens":
            return (embedding,)
        if path == "lm_head":
            return (head,)
        parent, _, last = path.rpartition(".")
        start = f"{prefix}{parent}." if parent else prefix
        return tuple(start + name for name in FUSED.get(last, (last,)))

    return sources


def _placeholder(checkpoint: Checkpoint, tokenizer: TextTokenizer, modality: str) -> int:
    token_id = tokenizer.token_id(str(checkpoint.config.get(f"{modality}_token")))
    if token_id is None:
        raise InvalidCheckpoint(
            f"The tokenizer of the checkpoint {checkpoint.name} lacks the {modality}_token that config.json "
            "names; take both from the same model."
        )
    return token_id


def _check_placeholder(
    checkpoint: Checkpoint, template: ChatTemplate, tokenizer: TextTokenizer, modality: str, token_id: int
) -> None:
    """Or every picture or recording would fail, and only then. A template may refuse to be asked so."""
    image = Image(np.zeros((1, 1, 3), np.uint8))
    part: Part = image if modality == "image" else Audio(np.zeros(1, np.float32))
    try:
        rendered = template.render((Message("user", (part, Text("a"))),), enable_thinking=False)
    except PromptRefused:
        return
    if tokenizer.encode_rendered(rendered).count(token_id) != 1:
        raise InvalidCheckpoint(
            f"The chat template of the checkpoint {checkpoint.name} does not write the {modality} token "
            f"{token_id} that config.json names; take template, tokenizer and config.json from one model."
        )


def _assemble(
    checkpoint: Checkpoint,
    name: str,
    decoder: Decoder,
    media_encoder: MediaEncoder | None,
    tokenizer: TextTokenizer,
    placeholders: dict[str, int],
) -> LoadedModel:
    generation: JSON = checkpoint.read_json("generation_config.json")
    eos_token_ids = read_token_ids(generation, "eos_token_id") or read_token_ids(
        checkpoint.config, "eos_token_id"
    )
    if not eos_token_ids:
        raise InvalidCheckpoint(
            f"The checkpoint {checkpoint.name} names no eos_token_id; add it to its generation_config.json."
        )
    chat_template = load_chat_template(checkpoint)
    for modality, token_id in placeholders.items():
        _check_placeholder(checkpoint, chat_template, tokenizer, modality, token_id)
    return LoadedModel(
        name=name,
        created=checkpoint.created,
        context_length=decoder.config.max_position_embeddings,
        eos_token_ids=eos_token_ids,
        decoder=decoder,
        tokenizer=tokenizer,
        chat_template=chat_template,
        media_encoder=media_encoder,
        placeholders=placeholders,
    )
