"""What every generating route under `/v1` needs: the model that it names, and how its response begins.

A gateway serves one model, under several names.
"""

import hashlib
import random
import time
from functools import lru_cache
from typing import Any, Final

from app.errors import ModelNotFound, ServiceUnavailable
from app.http.call import Call
from app.http.error_handlers import gateway_error_of
from app.http.event_stream import OPENAI_DONE, Begin, EventStreamResponse, openai_event
from app.http.queue_notices import comment_notice
from app.http.services import Services
from app.schemas.problems import openai_error_of

EMBEDDED_ALIASES: Final = ("autoglm-phone-9b",)  # what AutoGLM's own clients request


def head_of(call: Call, object_name: str, id_prefix: str) -> dict[str, Any]:
    """The fields that every `/v1` response begins with; none of them is ever null.

    The ID is new for each response, also if the caller sends one `X-Request-ID` twice. It is no secret.
    """
    model_name = call.services.backend.model_card.name
    return {
        "id": f"{id_prefix}-{random.getrandbits(96):024x}",
        "object": object_name,
        "created": int(time.time()),
        "model": model_name,
        "system_fingerprint": _fingerprint_of(model_name),
    }


@lru_cache(maxsize=8)
def _fingerprint_of(model_name: str) -> str:
    return f"fp_{hashlib.sha256(model_name.encode()).hexdigest()[:10]}"


def model_names(services: Services) -> tuple[str, ...]:
    """The served name first, then its aliases."""
    settings = services.settings
    embedded = EMBEDDED_ALIASES if settings.serves_embedded_model else ()
    return tuple(dict.fromkeys((services.backend.model_card.name, *settings.model_aliases, *embedded)))


def check_model(call: Call, requested: str) -> None:
    """Names match by their last part, in any case: `zai-org/AutoGLM-Phone-9B` is `autoglm-phone-9b`.

    Raises `ModelNotFound`, or `ServiceUnavailable` if no engine has been reached that knows the name.
    """
    check_name(call.services, requested.strip())


def check_name(services: Services, requested: str) -> None:
    """Like `check_model`."""
    names = model_names(services)
    if _last_part(requested) not in _last_parts((*names, services.settings.model or "")):
        if not services.backend.model_card.is_known:
            raise ServiceUnavailable
        raise ModelNotFound.among(names)


@lru_cache(maxsize=8)
def _last_parts(names: tuple[str, ...]) -> frozenset[str]:
    return frozenset(_last_part(name.rstrip("/")) for name in names if name)


def _last_part(name: str) -> str:
    return name.rpartition("/")[2].casefold()


def openai_stream(call: Call, begin: Begin) -> EventStreamResponse:
    """Of bare data lines that end with `[DONE]`. See `EventStreamResponse`."""
    return EventStreamResponse(
        begin, lambda error: [openai_error_event(call, error), OPENAI_DONE], comment_notice(call)
    )


def openai_error_event(call: Call, error: Exception) -> bytes:
    """The event of an error in a stream, which the log line names, too."""
    gateway_error = gateway_error_of(error)
    call.record.error_code = gateway_error.code
    return openai_event(openai_error_of(gateway_error, call.language))
