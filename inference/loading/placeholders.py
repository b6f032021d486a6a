"""The tokens that a chat template writes where pictures and recordings are inserted."""

import numpy as np

from inference.errors import InvalidCheckpoint, PromptRefused
from inference.loading.chat_template import ChatTemplate
from inference.loading.checkpoint import Checkpoint
from inference.loading.tokenizer import TextTokenizer
from inference.types import Audio, Image, Message, Part, Text


def find_placeholder(
    checkpoint: Checkpoint, tokenizer: TextTokenizer, modality: str, token: str | None
) -> int:
    """Returns the id of the token that config.json names. Raises `InvalidCheckpoint`."""
    token_id = tokenizer.token_id(token or "")
    if token_id is None:
        raise InvalidCheckpoint(
            f"The tokenizer of the checkpoint {checkpoint.name} lacks the {modality}_token that config.json "
            "names; take both from the same model."
        )
    return token_id


def check_placeholder(
    checkpoint: Checkpoint, template: ChatTemplate, tokenizer: TextTokenizer, modality: str, token_id: int
) -> None:
    """Raises `InvalidCheckpoint` unless the template writes the token once per picture or recording.

    A template that refuses the test messages passes.
    """
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
