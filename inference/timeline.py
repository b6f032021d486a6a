"""What a backend did for one generation, and when: plain numbers for traces, no text and no spans.

A caller that needs it puts one into the request.
"""

from dataclasses import dataclass, field, fields

MAX_CHUNKS = 64  # that are recorded; later ones are only counted


@dataclass(slots=True)
class Timeline:
    """Times are in `time.monotonic()` seconds, or None before they happen.

    The backend writes it from a thread of its own. It may be read after the generation has ended.
    """

    worker: str = ""
    begun_at: float | None = None  # when it left the queue
    first_token_at: float | None = None
    last_token_at: float | None = None
    cached_tokens: int = 0  # tokens of the prompt that the cache had
    prefill_steps: int = 0  # until the first token
    decode_steps: int = 0  # after it, with those that a preemption repeats
    longest_step_seconds: float = 0.0  # between two tokens
    preemptions: int = 0  # how often its blocks went to other requests
    chunks: list[tuple[float, int]] = field(default_factory=list)  # end and tokens of prefill steps

    def begin(self, now: float, cached_tokens: int = 0) -> None:
        self.begun_at = now
        self.cached_tokens = cached_tokens

    def copy_steps(self, other: "Timeline") -> None:
        """Takes over everything but the worker, from a timeline that was recorded in another process."""
        for each in fields(self):
            if each.name != "worker":
                setattr(self, each.name, getattr(other, each.name))

    def note_step(self, now: float, tokens: int, has_token: bool) -> None:
        """Records a step that computed `tokens` of the sequence, with or without a new token at its end."""
        if self.first_token_at is None:
            self.prefill_steps += 1
            if len(self.chunks) < MAX_CHUNKS:
                self.chunks.append((now, tokens))
        else:
            self.decode_steps += 1
        if has_token:
            if self.last_token_at is None:
                self.first_token_at = now
            else:
                self.longest_step_seconds = max(self.longest_step_seconds, now - self.last_token_at)
            self.last_token_at = now
