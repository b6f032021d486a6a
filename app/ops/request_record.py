"""What is known of one request: written by whoever learns it, read once at its end.

The request log, the metrics and the usage table are made from it. It never holds text, media, tokens
or keys.
"""

import time
from dataclasses import dataclass, field
from typing import Literal

from inference import FinishReason

Outcome = Literal["ok", "refused", "failed", "deadline", "client_gone"]


@dataclass(slots=True)
class RequestRecord:
    """Times are seconds; `started_at` is `time.monotonic()`. `route` is a template, never a raw path."""

    request_id: str
    started_at: float = field(default_factory=time.monotonic)
    route: str = "unmatched"
    method: str = ""
    status: int = 0
    user_id: str | None = None
    model: str | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0
    queue_seconds: float = 0.0
    first_output_at: float | None = None
    last_output_at: float | None = None
    finish_reason: FinishReason | None = None
    error_code: str | None = None

    def note_output(self) -> None:
        now = time.monotonic()
        if self.first_output_at is None:
            self.first_output_at = now
        self.last_output_at = now

    @property
    def ttft_seconds(self) -> float | None:
        return None if self.first_output_at is None else self.first_output_at - self.started_at
