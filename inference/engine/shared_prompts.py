"""System prompts that the operator declares as public: users share the cache blocks of their tokens."""

import torch

from inference.engine.language_model import LanguageModel
from inference.models.prompt import EncodedPrompt
from inference.stepwise import finish
from inference.types import GenerationRequest, Message, Text


class SharedPrompts:
    """Encodes the prompts once, in the worker's thread."""

    def __init__(self, model: LanguageModel, texts: tuple[str, ...]) -> None:
        self._token_ids = {text: _encode(model, text) for text in texts}

    def count_tokens(self, request: GenerationRequest, prompt: EncodedPrompt) -> int:
        """Returns how many leading tokens of `prompt` come from a shared system prompt."""
        match request.messages:
            case (Message("system", (Text(text),)), *_) if text in self._token_ids:
                pairs = zip(self._token_ids[text], prompt.token_ids, strict=False)
                return next((index for index, (a, b) in enumerate(pairs) if a != b), len(prompt.token_ids))
        return 0


def _encode(model: LanguageModel, text: str) -> tuple[int, ...]:
    message = Message("system", (Text(text),))
    with torch.inference_mode():
        return finish(model.encode_stepwise((message,), False, "chat", lambda prompt_tokens: None)).token_ids
