"""Refuses prompts that cannot be served, before their pictures and recordings are encoded."""

from dataclasses import replace

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
    max_tokens = fit_to_context(request, prompt_tokens, context_length).sampling_params.max_tokens
    if prompt_tokens + max_tokens > context_length:
        raise PromptTooLong(prompt_tokens, max_tokens, context_length)
    if not prompt_tokens:
        raise PromptRefused("it writes nothing for them")
    waiting_tokens = scheduler.waiting_prompt_tokens
    if scheduler.has_backlog and waiting_tokens + prompt_tokens > max_waiting_prompt_tokens:
        raise QueueFull(f"{waiting_tokens} prompt tokens are waiting")


def fit_to_context(request: GenerationRequest, prompt_tokens: int, context_length: int) -> GenerationRequest:
    """The request, with fewer `max_tokens` if it allows that and the context has less left: at least one."""
    most = max(context_length - prompt_tokens, 1)
    if not request.fits_context or request.sampling_params.max_tokens <= most:
        return request
    return replace(request, sampling_params=replace(request.sampling_params, max_tokens=most))
