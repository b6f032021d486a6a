"""A Whisper checkpoint becomes a speech recogniser in memory."""

from dataclasses import dataclass

import torch

from inference.devices import computing_dtype
from inference.errors import InvalidCheckpoint
from inference.loading.checkpoint import JSON, Checkpoint, is_on_hub, open_checkpoint
from inference.loading.device_copy import DeviceCopy
from inference.loading.model_config import read_section, read_token_ids
from inference.loading.tokenizer import TextTokenizer, load_tokenizer
from inference.loading.weights import WeightLoader, refuse_foreign_weights
from inference.models.whisper import Whisper, WhisperTokens, build_whisper

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
    """Opens all files of a model directory, and reads them but for the weights. Asks no hub.

    Raises `InvalidCheckpoint`.
    """
    if is_on_hub(path_or_hub_name):
        return
    checkpoint = _open_whisper(path_or_hub_name)
    _read_tokens(checkpoint)
    load_tokenizer(checkpoint)


def load_recogniser(path_or_hub_name: str, device: str) -> LoadedRecogniser:
    """Loads a model directory or a hub name. Raises `InvalidCheckpoint`."""
    checkpoint = _open_whisper(path_or_hub_name)
    tokens = _read_tokens(checkpoint)
    module = build_whisper(checkpoint.config)
    dtype = computing_dtype(device, torch.float16)
    place = torch.device(device)
    loader = WeightLoader(checkpoint, place, dtype, lambda path: False, DeviceCopy(place))
    is_tied = f"{HEAD}.weight" not in checkpoint
    loader.load(module, lambda path: (EMBEDDING,) if is_tied and path == HEAD else (path,))
    refuse_foreign_weights(checkpoint)
    tokenizer = load_tokenizer(checkpoint)
    return LoadedRecogniser(checkpoint.name, checkpoint.created, Whisper(module, tokens), tokenizer)


def _open_whisper(path_or_hub_name: str) -> Checkpoint:
    checkpoint = open_checkpoint(path_or_hub_name)
    if checkpoint.config.get("architectures") != [ARCHITECTURE]:
        raise InvalidCheckpoint(
            f"The speech recognition model {checkpoint.name} is not a Whisper model; name one that has the "
            f"architecture {ARCHITECTURE}."
        )
    return checkpoint


def _read_tokens(checkpoint: Checkpoint) -> WhisperTokens:
    settings: JSON = {**checkpoint.config, **checkpoint.read_json("generation_config.json")}
    start, no_timestamps = (
        read_token_ids(settings, name) for name in ("decoder_start_token_id", "no_timestamps_token_id")
    )
    ends = read_token_ids(settings, "eos_token_id")
    if not (start and no_timestamps and ends):
        raise InvalidCheckpoint(
            f"The generation_config.json of the speech recognition model {checkpoint.name} does not name its "
            "decoder_start_token_id, no_timestamps_token_id and eos_token_id; get it again."
        )
    languages = read_section(settings, "lang_to_id")
    tasks = read_section(settings, "task_to_id")
    suppressed, suppressed_first = (
        tuple(sorted(each for each in read_token_ids(settings, name) if each >= 0))
        for name in ("suppress_tokens", "begin_suppress_tokens")
    )
    return WhisperTokens(
        start=min(start),
        ends=ends,
        no_timestamps=min(no_timestamps),
        languages=tuple(value for value in languages.values() if isinstance(value, int)),
        transcribe=next(iter(read_token_ids(tasks, "transcribe")), None),
        suppressed=suppressed,
        suppressed_first=suppressed_first,
    )
