"""Asks engines whether they can serve, and under which name and with what context they do."""

import asyncio
from typing import Any

import httpx
import orjson

from inference.backends.remote.bounded_body import read_bounded
from inference.backends.remote.client import TRANSPORT_ERRORS, make_client
from inference.backends.remote.endpoint import Endpoint
from inference.config import RemoteConfig

CHECK_SECONDS = 5.0
MAX_BODY_BYTES = 1 << 20
NO_HEALTH_ROUTE = (401, 403, 404, 405)  # such as of another gateway


async def check(client: httpx.AsyncClient, endpoint: Endpoint) -> str | None:
    """Notes the result at the endpoint. Returns None if it is healthy, or the reason why not."""
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            reason = await _check(client, endpoint)
    except TRANSPORT_ERRORS as error:  # TimeoutError is an OSError
        reason = f"it cannot be reached ({type(error).__name__})"
    if reason is None:
        endpoint.note_success()
    else:
        endpoint.note_failed_check(reason)
    return reason


async def check_all(config: RemoteConfig) -> dict[str, str | None]:
    """The URL of each engine, and why it is not healthy, or None. Opens and closes its own connections."""
    endpoints = [
        Endpoint(str(index), each) for index, each in enumerate((*config.endpoints, *config.transcribers))
    ]
    async with make_client(config) as client:
        reasons = await asyncio.gather(*(check(client, endpoint) for endpoint in endpoints))
    return {endpoint.url: reason for endpoint, reason in zip(endpoints, reasons, strict=True)}


async def watch(client: httpx.AsyncClient, endpoint: Endpoint, health_seconds: float) -> None:
    """Checks for ever: a healthy endpoint at a constant pace, others with pauses that double."""
    while True:
        await asyncio.sleep(health_seconds if endpoint.is_healthy else endpoint.pause_seconds)
        await check(client, endpoint)


async def _check(client: httpx.AsyncClient, endpoint: Endpoint) -> str | None:
    status, _ = await _get(client, endpoint, "/health")
    if status != 200 and status not in NO_HEALTH_ROUTE:
        return f"GET /health responds with {status}"
    if status == 200 and endpoint.model is not None and endpoint.context_length is not None:
        return None
    listing, body = await _get(client, endpoint, "/v1/models")
    if listing != 200:
        if status == 200 and endpoint.model is not None and listing == 404:
            return None
        return f"GET /v1/models responds with {listing}"
    return _learn(endpoint, body)


def _learn(endpoint: Endpoint, body: bytes) -> str | None:
    try:
        models = orjson.loads(body)["data"]
        by_name = {each["id"]: each for each in models if isinstance(each.get("id"), str)}
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        return "GET /v1/models responds with something else than a list of models"
    if endpoint.model is None:
        if not by_name:
            return "it serves no model"
        endpoint.model = next(iter(by_name))
    endpoint.context_length = _context_length(by_name.get(endpoint.model, {})) or endpoint.context_length
    return None


def _context_length(model: dict[str, Any]) -> int | None:
    """vLLM, SGLang and this gateway have `max_model_len`, llama.cpp has `meta.n_ctx`."""
    meta = model.get("meta")
    meta = meta if isinstance(meta, dict) else {}
    for value in (model.get("max_model_len"), meta.get("n_ctx"), meta.get("n_ctx_train")):
        if isinstance(value, int) and value > 0:
            return value
    return None


async def _get(client: httpx.AsyncClient, endpoint: Endpoint, path: str) -> tuple[int, bytes]:
    async with client.stream("GET", endpoint.url + path, headers=endpoint.headers) as response:
        return response.status_code, await read_bounded(response.aiter_bytes(), MAX_BODY_BYTES)
