"""Whether the model thinks for a request under `/v1`, and where the response has its thoughts."""

from functools import lru_cache
from typing import Final, Literal

from app.http.services import Services
from app.schemas.openai import ChatCompletionRequest

Place = Literal["content", "reasoning_content", "hidden"]

_PLACES: Final[dict[str, Place]] = {
    "raw": "content",
    "none": "content",
    "parsed": "reasoning_content",
    "auto": "reasoning_content",
    "deepseek": "reasoning_content",
    "hidden": "hidden",
}
_AUTOGLM: Final = "autoglm"


def thinks(services: Services, wanted: bool | None) -> bool:
    """`wanted` is what the request says; None if it says nothing."""
    if wanted is not None:
        return wanted
    settings = services.settings
    if settings.thinking == "auto":
        return _is_autoglm(services) and not settings.serves_embedded_model
    return settings.thinking == "on"


def place_of_thoughts(services: Services, request: ChatCompletionRequest, *, is_typed: bool) -> Place:
    """`is_typed`: the content is JSON or an action, or may be tool calls: only a request that says so mixes
    thoughts into it."""
    if request.reasoning_format is not None:
        return _PLACES[request.reasoning_format]
    if request.separate_reasoning is not None:
        return "reasoning_content" if request.separate_reasoning else "content"
    for is_returned in (request.return_reasoning, request.include_reasoning):
        if is_returned is not None:
            return "reasoning_content" if is_returned else "hidden"
    place = services.settings.thoughts
    if place == "auto":
        place = "content" if _is_autoglm(services) else "reasoning_content"
    return "reasoning_content" if is_typed and place == "content" else place


def _is_autoglm(services: Services) -> bool:
    """By the name of the checkpoint, or the one that it is served under."""
    return _names_autoglm(services.backend.model_card.name) or _names_autoglm(services.settings.model or "")


@lru_cache(maxsize=8)
def _names_autoglm(name: str) -> bool:
    return _AUTOGLM in name.rstrip("/").rpartition("/")[2].casefold()
