"""Responses to probes."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

State = Literal["ready", "degraded", "unavailable"]


class HealthResponse(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"status": "alive"}]})

    status: Literal["alive"] = "alive"


class ReadinessComponents(BaseModel):
    model_config = ConfigDict(extra="forbid")

    model: State
    database: State
    limiter: State
    usage: State
    media: State


class MediaSandbox(BaseModel):
    """Which layers confine the processes that decode media; all of them on a recent Linux."""

    model_config = ConfigDict(extra="forbid")

    limits: bool
    seccomp: bool
    landlock: bool


class ReadinessResponse(BaseModel):
    """`degraded` still serves requests; `unavailable` does not."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "status": "degraded",
                    "components": {
                        "model": "ready",
                        "database": "degraded",
                        "limiter": "ready",
                        "usage": "ready",
                        "media": "ready",
                    },
                    "media_sandbox": {"limits": True, "seccomp": True, "landlock": True},
                }
            ]
        },
    )

    status: State
    components: ReadinessComponents
    media_sandbox: MediaSandbox
