"""What a backend did for one generation, and when: for traces, so plain numbers and no text.

Knows nothing of spans. Whoever wants to know puts one into the request; without it nothing is noted.
"""

from dataclasses import dataclass, field

MAX_CHUNKS = 64  # noted; a longer prefill only counts the rest


@dataclass(slots=True)
class Timeline:
    """Times are `time.monotonic()` seconds; None has not happened.

    Written by the backend alone, from a thread of its own; read once the generation has ended.
    """

    worker: str = ""
    begun_at: float | None = None  # it left the queue
    first_token_at: float | None = None
    last_token_at: float | None = None
    cached_tokens: int = 0  # of the prompt, found in the cache
    prefill_steps: int = 0  # until the first token
    decode_steps: int = 0  # after it; what preemption made to be computed again counts too
    longest_step_seconds: float = 0.0  # between two tokens
    preemptions: int = 0  # how often it gave its cache up for others
    chunks: list[tuple[float, int]] = field(default_factory=list)  # end and tokens of prefill steps

    def begin(self, now: float, cached_tokens: int = 0) -> None:
        self.begun_at = now
        self.cached_tokens = cached_tokens

    def note_step(self, now: float, tokens: int, has_token: bool) -> None:
        """A step that computed `tokens` of the sequence, and ended with a new token or without one."""
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
