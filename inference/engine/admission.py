"""Refuses prompts that cannot be served, before their pictures and recordings are encoded."""

from inference.engine.scheduler import Scheduler
from inference.errors import PromptRefused, PromptTooLong, QueueFull
from inference.types import GenerationRequest


def admit(
    scheduler: Scheduler,
    context_length: int,
    max_waiting_prompt_tokens: int,
    request: GenerationRequest,
    prompt_tokens: int,
) -> None:
    """Raises `PromptTooLong`, `PromptRefused` or `QueueFull`."""
    if prompt_tokens + request.sampling_params.max_tokens > context_length:
        raise PromptTooLong(prompt_tokens, request.sampling_params.max_tokens, context_length)
    if not prompt_tokens:
        raise PromptRefused("it writes nothing for them")
    waiting_tokens = scheduler.waiting_prompt_tokens
    if scheduler.has_backlog and waiting_tokens + prompt_tokens > max_waiting_prompt_tokens:
        raise QueueFull(f"{waiting_tokens} prompt tokens are waiting")
