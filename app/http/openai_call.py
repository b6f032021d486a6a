"""What every generating route under `/v1` needs: the model that it names, and how its response begins."""

import hashlib
import secrets
import time
from typing import Any

from app.errors import ModelNotFound
from app.http.call import Call


def head_of(call: Call, object_name: str, id_prefix: str) -> dict[str, Any]:
    """The fields that every `/v1` response begins with; none of them is ever null.

    The ID is new for each response, also if the caller sends one `X-Request-ID` twice.
    """
    model_name = call.services.backend.model_card.name
    return {
        "id": f"{id_prefix}-{secrets.token_hex(12)}",
        "object": object_name,
        "created": int(time.time()),
        "model": model_name,
        "system_fingerprint": f"fp_{hashlib.sha256(model_name.encode()).hexdigest()[:10]}",
    }


def check_model(call: Call, model_name: str) -> None:
    if model_name != call.services.backend.model_card.name:
        raise ModelNotFound(param="model")
