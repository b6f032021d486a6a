"""For machines: whether the process is alive, whether it can serve, and its metrics."""

from dataclasses import asdict
from typing import Any, Final

from fastapi import APIRouter, Response

from app.http.dependencies import MediaDecoderDep, MetricsDep, ReadinessDep
from app.http.guard import guarded
from app.http.metrics_guard import MetricsRoute
from app.http.openapi import SCHEME
from app.media.sandbox.confinement import NO_POSTURE
from app.ops.metrics import CONTENT_TYPE
from app.schemas.health import HealthResponse, MediaSandbox, ReadinessComponents, ReadinessResponse
from app.schemas.problems import problem_responses

_TEXT: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "Prometheus' text format",
        "content": {"text/plain": {"schema": {"type": "string"}}},
    }
}
_NOT_READY: Final[dict[int | str, dict[str, Any]]] = {
    503: {"model": ReadinessResponse, "description": "No request can be served now"}
}

router = APIRouter(tags=["health"], route_class=guarded(None))
# Probes send HEAD. It is the same operation, so the OpenAPI document has it once.
_HEAD: Final[dict[str, Any]] = {"methods": ["HEAD"], "include_in_schema": False}
metrics_router = APIRouter(tags=["health"], route_class=MetricsRoute)


@router.api_route("/healthz", **_HEAD)
@router.get(
    "/healthz",
    operation_id="get_health",
    summary="Whether the process lives",
    responses=problem_responses(405),
)
async def health() -> HealthResponse:
    """Always 200 while the process responds; does not depend on the model."""
    return HealthResponse()


@router.api_route("/readyz", **_HEAD)
@router.get(
    "/readyz",
    operation_id="get_readiness",
    summary="Whether requests can be served",
    responses=problem_responses(405) | _NOT_READY,
)
async def readiness(check: ReadinessDep, media: MediaDecoderDep, response: Response) -> ReadinessResponse:
    """200 while it serves, even if degraded; 503 while it cannot. The state of each part shows why."""
    current = check.now()
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
        media_sandbox=MediaSandbox(**asdict(media.posture or NO_POSTURE)),
    )


@metrics_router.get(
    "/metrics",
    operation_id="get_metrics",
    summary="Counters, gauges and histograms for Prometheus",
    response_class=Response,
    responses=_TEXT | problem_responses(401, 403, 405, 429),
    openapi_extra={"security": [{SCHEME: []}, {}]},
)
async def metrics(collected: MetricsDep) -> Response:
    """Addresses that the operator listed are let in without a token, unless the request passed a proxy."""
    return Response(await collected.expose_gateway(), media_type=CONTENT_TYPE)
