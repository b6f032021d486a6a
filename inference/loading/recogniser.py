"""Loads a Whisper checkpoint as a speech recogniser."""

from dataclasses import dataclass

import torch

from inference.devices import computing_dtype
from inference.errors import InvalidCheckpoint
from inference.loading.checkpoint import Checkpoint, is_on_hub, open_checkpoint
from inference.loading.config_file import read_config
from inference.loading.device_copy import DeviceCopy
from inference.loading.model_config import ArchitectureConfig
from inference.loading.tokenizer import TextTokenizer, load_tokenizer
from inference.loading.weights import WeightLoader, refuse_foreign_weights
from inference.loading.whisper_config import read_whisper_tokens
from inference.models.towers import build_whisper
from inference.models.whisper import Whisper

ARCHITECTURE = "WhisperForConditionalGeneration"
HEAD, EMBEDDING = "proj_out", "model.decoder.embed_tokens"  # one matrix, saved under the second name


@dataclass(frozen=True, slots=True, eq=False)
class LoadedRecogniser:
    """Made by `load_recogniser`, owned by one worker."""

    name: str
    created: int  # Unix seconds
    model: Whisper
    tokenizer: TextTokenizer


def check_recogniser(path_or_hub_name: str) -> None:
    """Opens all files of a model directory, and reads all but the weights. Hub names are not checked.

    Raises `InvalidCheckpoint`.
    """
    if is_on_hub(path_or_hub_name):
        return
    checkpoint = _open_whisper(path_or_hub_name)
    read_whisper_tokens(checkpoint)
    load_tokenizer(checkpoint)


def load_recogniser(path_or_hub_name: str, device: str) -> LoadedRecogniser:
    """Loads a model directory or a hub name. Raises `InvalidCheckpoint`."""
    checkpoint = _open_whisper(path_or_hub_name)
    tokens = read_whisper_tokens(checkpoint)
    module = build_whisper(checkpoint.config)
    dtype = computing_dtype(device, torch.float16)
    place = torch.device(device)
    loader = WeightLoader(checkpoint, (place,), dtype, lambda path: False, DeviceCopy(place))
    is_tied = f"{HEAD}.weight" not in checkpoint
    loader.load(module, lambda path: (EMBEDDING,) if is_tied and path == HEAD else (path,))
    refuse_foreign_weights(checkpoint)
    tokenizer = load_tokenizer(checkpoint)
    return LoadedRecogniser(checkpoint.name, checkpoint.created, Whisper(module, tokens), tokenizer)


def _open_whisper(path_or_hub_name: str) -> Checkpoint:
    checkpoint = open_checkpoint(path_or_hub_name)
    config = read_config(ArchitectureConfig, checkpoint.config, checkpoint.name)
    if config.architectures != (ARCHITECTURE,):
        raise InvalidCheckpoint(
            f"The speech recognition model {checkpoint.name} is not a Whisper model; name one that has the "
            f"architecture {ARCHITECTURE}."
        )
    return checkpoint
