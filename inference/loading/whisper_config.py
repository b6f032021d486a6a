"""generation_config.json of a Whisper checkpoint: the token ids that have a meaning."""

from typing import Annotated

from pydantic import BeforeValidator, Field, StrictInt

from inference.errors import InvalidCheckpoint
from inference.loading.checkpoint import JSON, Checkpoint
from inference.loading.config_file import ConfigFile, TokenIds, as_section, read_config
from inference.models.whisper import WhisperTokens

GENERATION = "generation_config.json"

Ids = Annotated[dict[str, StrictInt], BeforeValidator(as_section)]  # token ids by name


class WhisperTokenConfig(ConfigFile):
    """generation_config.json. A model of one language has neither `lang_to_id` nor `task_to_id`."""

    decoder_start_token_id: TokenIds = frozenset()
    no_timestamps_token_id: TokenIds = frozenset()
    eos_token_id: TokenIds = frozenset()
    lang_to_id: Ids = Field(default_factory=dict)
    task_to_id: Ids = Field(default_factory=dict)
    suppress_tokens: TokenIds = frozenset()
    begin_suppress_tokens: TokenIds = frozenset()


def read_whisper_tokens(checkpoint: Checkpoint) -> WhisperTokens:
    """Older checkpoints have these fields in config.json. Raises `InvalidCheckpoint`."""
    settings: JSON = {**checkpoint.config, **checkpoint.read_json(GENERATION)}
    tokens = read_config(WhisperTokenConfig, settings, checkpoint.name, GENERATION)
    if not (tokens.decoder_start_token_id and tokens.no_timestamps_token_id and tokens.eos_token_id):
        raise InvalidCheckpoint(
            f"The {GENERATION} of the speech recognition model {checkpoint.name} does not name its "
            "decoder_start_token_id, no_timestamps_token_id and eos_token_id; get it again."
        )
    return WhisperTokens(
        start=min(tokens.decoder_start_token_id),
        ends=tokens.eos_token_id,
        no_timestamps=min(tokens.no_timestamps_token_id),
        languages=tuple(tokens.lang_to_id.values()),
        language_codes=tuple(name.strip("<|>") for name in tokens.lang_to_id),
        transcribe=tokens.task_to_id.get("transcribe"),
        suppressed=_known(tokens.suppress_tokens),
        suppressed_first=_known(tokens.begin_suppress_tokens),
    )


def _known(token_ids: frozenset[int]) -> tuple[int, ...]:
    """Leaves out -1, which stands for a list inside Whisper's first implementation."""
    return tuple(sorted(each for each in token_ids if each >= 0))
