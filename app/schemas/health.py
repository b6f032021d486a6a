"""What probes are answered."""

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


class ReadinessResponse(BaseModel):
    """`degraded` still serves; `unavailable` does not."""

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
                    },
                }
            ]
        },
    )

    status: State
    components: ReadinessComponents
