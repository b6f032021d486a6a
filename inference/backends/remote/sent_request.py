"""What an engine was sent, as far as its refusals are about it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from inference.errors import PromptTooLong


@dataclass(frozen=True, slots=True)
class SentRequest:
    """`prompt_tokens` is an estimate. `fits_context`: its `max_tokens` was not a demand. Its temperature
    was one if `has_temperature`."""

    body: Mapping[str, Any]
    prompt_tokens: int
    max_tokens: int
    context_length: int
    fits_context: bool = False
    has_temperature: bool = True

    def too_long(self) -> PromptTooLong:
        max_tokens = 1 if self.fits_context else self.max_tokens
        return PromptTooLong(self.prompt_tokens, max_tokens, self.context_length)
