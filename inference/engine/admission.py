"""Refuses prompts that cannot be served, before their pictures and recordings are encoded."""

from dataclasses import replace

from inference.engine.scheduler import Scheduler
from inference.errors import PromptRefused, PromptTooLong, QueueFull
from inference.queue_shares import most_of_batch
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
    waiting_tokens, most = scheduler.waiting_prompt_tokens, max_waiting_prompt_tokens
    of_batch = scheduler.waiting_prompt_tokens_of("batch")
    is_full = waiting_tokens + prompt_tokens > most
    if request.priority == "batch":
        is_full = is_full or of_batch + prompt_tokens > most_of_batch(most)
    if scheduler.has_backlog and is_full:
        raise QueueFull(f"{waiting_tokens} prompt tokens are waiting, {of_batch} of them of batch")


def fit_to_context(request: GenerationRequest, prompt_tokens: int, context_length: int) -> GenerationRequest:
    """The request, with fewer `max_tokens` if it allows that and the context has less left: at least one."""
    most = max(context_length - prompt_tokens, 1)
    if not request.fits_context or request.sampling_params.max_tokens <= most:
        return request
    return replace(request, sampling_params=replace(request.sampling_params, max_tokens=most))
