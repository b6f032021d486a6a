"""For machines: is the process alive, can it serve, and what has it done."""

import re
from dataclasses import asdict
from typing import Any, Final

from fastapi import APIRouter, Response
from starlette.datastructures import Headers
from starlette.types import Scope

from app.auth.principal import Principal
from app.dependencies import ServicesDep
from app.media.sandbox.confinement import NO_POSTURE
from app.networks import is_in_networks
from app.openapi import SCHEME
from app.ops.metrics import CONTENT_TYPE
from app.ops.readiness import readiness_of
from app.routes.guard import JSON, Access, GuardedRoute, client_address, guarded
from app.schemas.health import HealthResponse, MediaSandbox, ReadinessComponents, ReadinessResponse
from app.schemas.problems import problem_responses
from app.services import Services

# What proxies, balancers and content delivery networks add to the requests of others.
_FORWARDING: Final = re.compile(
    r"forwarded|via|cdn-loop|(true-|fastly-)?client-ip|(x-forwarded|x-original|x-envoy|x-azure|x-appengine|x-proxy|cf)-.*"
    r"|x-forwarded|x-real-ip|x-(cluster-)?client-ip|x-remote-(ip|addr)"
)


class MetricsRoute(GuardedRoute):
    """Scope `ops`, or an address in `GATEWAY_METRICS_NETWORKS`, where Prometheus is.

    The address counts for requests that come from it directly alone: what passed a proxy could be anybody's.
    """

    access = Access("ops", generates=False, accepts=JSON, takes_media=False)

    async def _authenticate(self, services: Services, scope: Scope, headers: Headers) -> Principal | None:
        is_direct = not any(map(_FORWARDING.fullmatch, headers))
        if is_direct and is_in_networks(client_address(scope), services.settings.networks_of_metrics):
            return None
        return await super()._authenticate(services, scope, headers)


_TEXT: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "Prometheus' text format",
        "content": {"text/plain": {"schema": {"type": "string"}}},
    }
}
_NOT_READY: Final[dict[int | str, dict[str, Any]]] = {
    503: {"model": ReadinessResponse, "description": "Nothing can be served at the moment"}
}

router = APIRouter(tags=["health"], route_class=guarded(None))
metrics_router = APIRouter(tags=["health"], route_class=MetricsRoute)


@router.get(
    "/healthz",
    operation_id="get_health",
    summary="Whether the process lives",
    responses=problem_responses(405),
)
async def health() -> HealthResponse:
    """Always 200 while the process can answer at all; says nothing about the model."""
    return HealthResponse()


@router.get(
    "/readyz",
    operation_id="get_readiness",
    summary="Whether requests can be served",
    responses=problem_responses(405) | _NOT_READY,
)
async def readiness(services: ServicesDep, response: Response) -> ReadinessResponse:
    """200 while it serves, even if degraded; 503 while it cannot. One word per part says why."""
    current = readiness_of(services)
    if current.overall == "unavailable":
        response.status_code = 503
    return ReadinessResponse(
        status=current.overall,
        components=ReadinessComponents(
            model=current.model,
            database=current.database,
            limiter=current.limiter,
            usage=current.usage,
            media=current.media,
        ),
        media_sandbox=MediaSandbox(**asdict(services.media.posture or NO_POSTURE)),
    )


@metrics_router.get(
    "/metrics",
    operation_id="get_metrics",
    summary="Counters, gauges and histograms for Prometheus",
    response_class=Response,
    responses=_TEXT | problem_responses(401, 403, 405, 429),
    openapi_extra={"security": [{SCHEME: []}, {}]},
)
async def metrics(services: ServicesDep) -> Response:
    """Addresses that the operator listed are let in without a token, unless the request passed a proxy."""
    return Response(services.metrics.expose(), media_type=CONTENT_TYPE)


router.routes.extend(metrics_router.routes)
