"""The architectures that are served, and how a checkpoint of each is loaded."""

from collections.abc import Callable

import torch

from inference.errors import InvalidCheckpoint
from inference.loading.chat_template import load_chat_template
from inference.loading.checkpoint import Checkpoint, is_on_hub, open_checkpoint
from inference.loading.config_file import as_section, read_config
from inference.loading.decoder_weights import ShouldQuantize, load_decoder, make_weight_loader
from inference.loading.fusion_config import FusionCheckpointConfig
from inference.loading.glm4v_config import Glm4vCheckpointConfig, Glm4vPreprocessorConfig
from inference.loading.loaded_model import LoadedModel
from inference.loading.model_config import ArchitectureConfig, EndConfig, TextConfig
from inference.loading.placeholders import check_placeholder, find_placeholder
from inference.loading.tokenizer import TextTokenizer, load_tokenizer
from inference.loading.weights import refuse_foreign_weights
from inference.models.decoder import Decoder
from inference.models.glm4v_vision import Glm4vVision
from inference.models.media_encoder import MediaEncoder
from inference.models.towers import build_fusion, build_glm4v_tower
from inference.models.transformers_glm4v import rebuild_rotary

GENERATION = "generation_config.json"
PREPROCESSOR = "preprocessor_config.json"
HEAD = ("embed_tokens", "lm_head")

Devices = tuple[torch.device, ...]  # the first has the towers; all of them share the decoder's layers
Load = Callable[[Checkpoint, Devices, ShouldQuantize], LoadedModel]


def load_model(
    path_or_hub_name: str,
    device: str,
    quantization: str,
    quantize_head: bool = True,
    *,
    more_devices: tuple[str, ...] = (),
) -> LoadedModel:
    """Loads a model directory or a hub name. `quantization` is "int8" or "none". With `more_devices`, of the
    same kind, they share the decoder's layers with `device`.

    Weights that were saved in int8 stay int8, except on CPUs that are slower with them, where only "int8"
    keeps them. Without `quantize_head` the output head and the embedding stay floats.

    Raises `InvalidCheckpoint`, and `InvalidConfiguration` for more devices than layers.
    """
    checkpoint = open_checkpoint(path_or_hub_name)
    load = _loader_of(checkpoint)
    kept = () if quantize_head else HEAD
    devices = tuple(map(torch.device, (device, *more_devices)))
    model = load(checkpoint, devices, lambda path: quantization == "int8" and path not in kept)
    refuse_foreign_weights(checkpoint)
    return model


def check_model(path_or_hub_name: str) -> None:
    """Opens all files of a model directory, and reads all but the weights. Hub names are not checked.

    Raises `InvalidCheckpoint`.
    """
    if is_on_hub(path_or_hub_name):
        return
    checkpoint = open_checkpoint(path_or_hub_name)
    _loader_of(checkpoint)
    load_tokenizer(checkpoint)
    load_chat_template(checkpoint)


def _loader_of(checkpoint: Checkpoint) -> Load:
    architectures = read_config(ArchitectureConfig, checkpoint.config, checkpoint.name).architectures
    architecture = architectures[0] if architectures else "none"
    load = ARCHITECTURES.get(architecture)
    if load is None:
        raise InvalidCheckpoint(
            f"The checkpoint {checkpoint.name} has the architecture {architecture}; served are "
            f"{', '.join(ARCHITECTURES)}."
        )
    return load


def _load_glm4(checkpoint: Checkpoint, devices: Devices, should_quantize: ShouldQuantize) -> LoadedModel:
    config = read_config(TextConfig, checkpoint.config, checkpoint.name)
    loader = make_weight_loader(checkpoint, "model.norm.weight", devices, should_quantize)
    decoder = load_decoder(loader, config.to_decoder_config(), "model.", "model.embed_tokens")
    return _assemble(checkpoint, checkpoint.name, decoder, None, load_tokenizer(checkpoint), {})


def _load_fusion(checkpoint: Checkpoint, devices: Devices, should_quantize: ShouldQuantize) -> LoadedModel:
    config = read_config(FusionCheckpointConfig, checkpoint.config, checkpoint.name)
    vision = config.vision_config.to_vision_config() if config.vision_config else None
    audio = config.audio_config.to_audio_config() if config.audio_config else None
    loader = make_weight_loader(checkpoint, "model.norm.weight", devices, should_quantize)
    decoder = load_decoder(loader, config.text_config.to_decoder_config(), "model.", "text_embedding")
    fusion = build_fusion(config.text_config.hidden_size, vision, audio)
    loader.load(fusion, lambda path: (path,))
    tokenizer = load_tokenizer(checkpoint)
    tokens = {"image": config.image_token, "audio": config.audio_token}
    placeholders = {
        modality: find_placeholder(checkpoint, tokenizer, modality, tokens[modality])
        for modality in fusion.modalities
    }
    name = config.model_name or checkpoint.name
    return _assemble(checkpoint, name, decoder, fusion, tokenizer, placeholders)


def _load_glm4v(checkpoint: Checkpoint, devices: Devices, should_quantize: ShouldQuantize) -> LoadedModel:
    config = read_config(Glm4vCheckpointConfig, checkpoint.config, checkpoint.name)
    loader = make_weight_loader(checkpoint, "model.language_model.norm.weight", devices, should_quantize)
    prefix = "model.language_model."
    decoder_config = config.text_config.to_decoder_config()
    decoder = load_decoder(loader, decoder_config, prefix, f"{prefix}embed_tokens")
    tower = build_glm4v_tower(as_section(checkpoint.config.get("vision_config")))
    loader.load(tower, lambda path: (f"model.visual.{path}",))
    rebuild_rotary(tower, devices[0])
    preprocessor = read_config(
        Glm4vPreprocessorConfig, checkpoint.read_json(PREPROCESSOR), checkpoint.name, PREPROCESSOR
    )
    vision = Glm4vVision(tower, preprocessor.to_image_config(config.vision_config))
    tokenizer = load_tokenizer(checkpoint)
    placeholders = {"image": config.image_placeholder}
    return _assemble(checkpoint, checkpoint.name, decoder, vision, tokenizer, placeholders)


ARCHITECTURES: dict[str, Load] = {
    "Glm4ForCausalLM": _load_glm4,
    "Glm4vForConditionalGeneration": _load_glm4v,
    "AutoGLMFusionForConditionalGeneration": _load_fusion,
}


def _assemble(
    checkpoint: Checkpoint,
    name: str,
    decoder: Decoder,
    media_encoder: MediaEncoder | None,
    tokenizer: TextTokenizer,
    placeholders: dict[str, int],
) -> LoadedModel:
    generation = read_config(EndConfig, checkpoint.read_json(GENERATION), checkpoint.name, GENERATION)
    config = read_config(EndConfig, checkpoint.config, checkpoint.name)
    eos_token_ids = generation.eos_token_id or config.eos_token_id
    if not eos_token_ids:
        raise InvalidCheckpoint(
            f"The checkpoint {checkpoint.name} names no eos_token_id; add it to its generation_config.json."
        )
    chat_template = load_chat_template(checkpoint)
    for modality, token_id in placeholders.items():
        check_placeholder(checkpoint, chat_template, tokenizer, modality, token_id)
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
