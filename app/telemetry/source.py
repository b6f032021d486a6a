"""What every span and metric of this process comes from, as the SDK describes it."""

import time
import uuid
from dataclasses import dataclass
from typing import Final, Self

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

SCOPE_NAME: Final = "autoglm-gateway"


@dataclass(frozen=True, slots=True)
class Source:
    """One per process. `started_at` is nanoseconds of Unix time; sums count from it."""

    resource: Resource
    scope: InstrumentationScope
    started_at: int

    @classmethod
    def of_this_process(cls, service_name: str, version: str) -> Self:
        attributes = {
            "service.name": service_name,
            "service.version": version,
            "service.instance.id": str(uuid.uuid4()),
        }
        return cls(Resource(attributes), InstrumentationScope(SCOPE_NAME, version), time.time_ns())
