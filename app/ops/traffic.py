"""What became of requests for a generation during some time: counts, speeds, reasons of refusals."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, Self

from app.ops.distribution import Distribution
from app.record.request_record import Outcome, RequestRecord

SERVER_ERROR: Final = 500


@dataclass(slots=True)
class Traffic:
    """`turned_away` counts those of the refused that had done nothing wrong: the gateway was full.

    Used by the event loop's thread alone.
    """

    ended: Counter[Outcome] = field(default_factory=Counter)
    refusals: Counter[str] = field(default_factory=Counter)  # by stable code
    turned_away: int = 0
    output_tokens: int = 0
    ttft_seconds: Distribution = field(default_factory=Distribution)
    seconds_per_token: Distribution = field(default_factory=Distribution)

    @classmethod
    def merged(cls, parts: Iterable[Self]) -> Self:
        together: Sequence[Self] = tuple(parts)
        whole = cls(
            turned_away=sum(part.turned_away for part in together),
            output_tokens=sum(part.output_tokens for part in together),
            ttft_seconds=Distribution.merged(part.ttft_seconds for part in together),
            seconds_per_token=Distribution.merged(part.seconds_per_token for part in together),
        )
        for part in together:
            whole.ended.update(part.ended)
            whole.refusals.update(part.refusals)
        return whole

    def observe(self, record: RequestRecord, outcome: Outcome) -> None:
        self.ended[outcome] += 1
        if outcome == "refused":
            self.refusals[record.error_code or "refused"] += 1
            self.turned_away += record.status >= SERVER_ERROR
        if (ttft_seconds := record.ttft_seconds) is not None:
            self.ttft_seconds.add(ttft_seconds)
        if (seconds_per_token := record.seconds_per_output_token) is not None:
            self.seconds_per_token.add(seconds_per_token)

    @property
    def requests(self) -> int:
        return self.ended.total()

    @property
    def failed(self) -> int:
        return self.ended["failed"] + self.ended["deadline"]

    @property
    def success_rate(self) -> float | None:
        """Without what callers did wrong or gave up themselves; None when nothing else is left."""
        bad = self.failed + self.turned_away
        judged = self.ended["ok"] + bad
        return self.ended["ok"] / judged if judged else None

    @property
    def tokens_per_second_each(self) -> float | None:
        """The speed of the median response."""
        seconds = self.seconds_per_token.quantile(0.5)
        return 1 / seconds if seconds else None


@dataclass(frozen=True, slots=True)
class Measures:
    """How well it went, each None when there was nothing to measure. Times are seconds."""

    ttft_median: float | None
    ttft_p95: float | None
    tokens_per_second_each: float | None
    success_rate: float | None

    @classmethod
    def of(cls, traffic: Traffic) -> Self:
        return cls(
            ttft_median=traffic.ttft_seconds.quantile(0.5),
            ttft_p95=traffic.ttft_seconds.quantile(0.95),
            tokens_per_second_each=traffic.tokens_per_second_each,
            success_rate=traffic.success_rate,
        )
