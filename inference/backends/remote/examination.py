"""Examines engines for the operator: whether they serve, which model, and what a request leads to."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Final

from inference.backends.remote.backend import RemoteBackend
from inference.backends.remote.client import make_client
from inference.backends.remote.endpoint import Endpoint
from inference.backends.remote.health import check
from inference.config import RemoteConfig, RemoteEndpoint
from inference.errors import InferenceError
from inference.types import GenerationRequest, Message, SamplingParams, Text

REQUEST_SECONDS: Final = 20.0
MAX_NAMES: Final = 10
_REQUEST: Final = GenerationRequest(
    "examination", (Message("user", (Text("Hello"),)),), SamplingParams(max_tokens=1)
)


@dataclass(frozen=True, slots=True)
class EngineFinding:
    """`fault` is why the engine cannot serve, or None. `doubt` is what may be wrong although it serves.

    `model` says which one it serves.
    """

    url: str
    fault: str | None
    model: str = ""
    doubt: str | None = None


async def examine_engines(config: RemoteConfig) -> list[EngineFinding]:
    """Those of the model get a request for one token. Opens and closes its own connections."""
    findings = await asyncio.gather(*(_examine(config, each) for each in config.endpoints))
    others = await asyncio.gather(*(_check(config, each) for each in config.transcribers))
    return [*findings, *(replace(each, fault=each.fault or each.doubt) for each in others)]


async def _examine(config: RemoteConfig, endpoint: RemoteEndpoint) -> EngineFinding:
    finding = await _check(config, endpoint)
    if finding.fault is not None:
        return finding
    fault = await _fault_of_request(replace(config, endpoints=(endpoint,)))
    if fault is not None and finding.doubt is not None:
        fault = f"{finding.doubt}; {fault}"
    return replace(finding, fault=fault)


async def _check(config: RemoteConfig, endpoint_config: RemoteEndpoint) -> EngineFinding:
    endpoint = Endpoint("", endpoint_config)
    async with make_client(config) as client:
        fault = await check(client, endpoint)
    doubt = None
    if endpoint.listed_models and not endpoint.lists_its_model:
        doubt = f"it does not list the model {endpoint.model}, but {_enumerated(endpoint.listed_models)}"
    return EngineFinding(endpoint.url, fault, _description(endpoint), doubt)


async def _fault_of_request(config: RemoteConfig) -> str | None:
    backend = RemoteBackend(config)
    await backend.start()
    try:
        request = replace(_REQUEST, deadline=time.monotonic() + REQUEST_SECONDS)
        async with aclosing(backend.generate(request)) as deltas:
            async for delta in deltas:
                if delta.finish_reason == "deadline":
                    return f"it does not respond to a request within {REQUEST_SECONDS:.0f} seconds"
    except InferenceError as error:
        return f"a request for one token fails: {error}"
    finally:
        await backend.aclose(0)
    return None


def _description(endpoint: Endpoint) -> str:
    if endpoint.model is None:
        return ""
    count = len(endpoint.listed_models)
    if endpoint.configured_model is not None or count < 2:
        return f"serves {endpoint.model}"
    return f"serves {endpoint.model}, the first of its {count} models; `model` chooses another one"


def _enumerated(names: Sequence[str]) -> str:
    return ", ".join(names[:MAX_NAMES]) + (" and others" if len(names) > MAX_NAMES else "")
