"""Asks engines whether they can serve, and under which name and with what context they do."""

import asyncio
from collections.abc import Callable
from typing import Any, Final

import httpx
import orjson

from inference.backends.remote.bounded_body import read_bounded
from inference.backends.remote.client import TRANSPORT_ERRORS, why_lost
from inference.backends.remote.endpoint import Endpoint
from inference.backends.remote.refusals import OF_ACCESS, AccessRefused

CHECK_SECONDS: Final = 5.0
MAX_BODY_BYTES: Final = 8 << 20  # some lists name hundreds of models
NO_ROUTE: Final = (404, 405, 501)
KEY_REFUSED: Final = (401, 403)
BUSY: Final = 429


async def check(client: httpx.AsyncClient, endpoint: Endpoint) -> str | None:
    """Notes the result at the endpoint. Returns None if it is healthy, or the reason why not."""
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            reason = await _check(client, endpoint)
            if reason is None and endpoint.refuses_access:
                reason = await _check_access(client, endpoint)
    except TRANSPORT_ERRORS as error:  # TimeoutError is an OSError
        reason = f"it cannot be reached: {why_lost(error)}"
        if isinstance(error, TimeoutError) and endpoint.url.startswith("https:"):
            reason += ", perhaps because it expects http"
    if reason is None:
        endpoint.note_success()
    else:
        endpoint.note_failed_check(reason)
    return reason


async def watch(
    client: httpx.AsyncClient, endpoint: Endpoint, health_seconds: float, is_urgent: Callable[[], bool]
) -> None:
    """Checks for ever: a healthy endpoint at a constant pace, others with pauses that double.

    No pause is longer than `health_seconds` while `is_urgent()`, unless somebody must mend the key.
    """
    while True:
        left = health_seconds if endpoint.is_healthy else endpoint.pause_seconds
        while left > 0:
            await asyncio.sleep(min(left, health_seconds))
            is_over = is_urgent() and not endpoint.refuses_access
            left = 0 if is_over else left - health_seconds
        await check(client, endpoint)


async def _check(client: httpx.AsyncClient, endpoint: Endpoint) -> str | None:
    """An engine that was down may serve another model now."""
    status, _ = await _get(client, endpoint, endpoint.health_url)
    if status >= 500 and status not in NO_ROUTE:
        return f"GET {_shown(endpoint.health_url)} responds with {status}"
    has_name, is_known = endpoint.model is not None, endpoint.context_length is not None
    if status == 200 and endpoint.is_healthy and has_name and is_known:
        return None
    listing, body = await _get(client, endpoint, endpoint.models_url)
    if listing == 200:
        return _learn(endpoint, body)
    if has_name and listing in (*NO_ROUTE, BUSY):
        return None
    said = f"GET {_shown(endpoint.models_url)} responds with {listing}"
    if listing in KEY_REFUSED:
        has_secret = endpoint.headers or "?" in endpoint.models_url
        return f"{said}: it {'does not accept the `key`' if has_secret else 'needs a `key`'}"
    return f"{said}: check the address" if listing in NO_ROUTE else said


async def _check_access(client: httpx.AsyncClient, endpoint: Endpoint) -> str | None:
    """With a request that has no messages: other routes may need no key."""
    body: dict[str, object] = {"model": endpoint.model, "messages": [], "max_tokens": 1}
    async with client.stream("POST", endpoint.chat_url, json=body, headers=endpoint.headers) as response:
        return str(AccessRefused(response.status_code)) if response.status_code in OF_ACCESS else None


def _learn(endpoint: Endpoint, body: bytes) -> str | None:
    try:
        value = orjson.loads(body)
        models = value if isinstance(value, list) else value["data"] or []
        by_name = {each["id"]: each for each in models if isinstance(each.get("id"), str)}
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        return f"GET {_shown(endpoint.models_url)} responds with something else than a list of models"
    endpoint.note_models(list(by_name))
    if endpoint.model is None:
        return "it serves no model"
    endpoint.context_length = _context_length(by_name.get(endpoint.model, {})) or endpoint.context_length
    return None


def _context_length(model: dict[str, Any]) -> int | None:
    """vLLM, SGLang and this gateway have `max_model_len`, llama.cpp has `meta.n_ctx`; then other services."""
    meta = model.get("meta")
    meta = meta if isinstance(meta, dict) else {}
    for value in (
        model.get("max_model_len"),
        meta.get("n_ctx"),
        meta.get("n_ctx_train"),
        *(model.get(name) for name in ("context_length", "max_context_length", "context_window")),
    ):
        if isinstance(value, int) and value > 0:
            return value
    return None


def _shown(url: str) -> str:
    """Without the query, which may be a secret."""
    return url.partition("?")[0]


async def _get(client: httpx.AsyncClient, endpoint: Endpoint, url: str) -> tuple[int, bytes]:
    async with client.stream("GET", url, headers=endpoint.headers) as response:
        return response.status_code, await read_bounded(response.aiter_bytes(), MAX_BODY_BYTES)
