"""Counts by user, for operators who ask for them: for so many users and no more, or a scrape would grow
with the number of accounts."""

from typing import Final

from prometheus_client import CollectorRegistry

from app.ops.series import CounterSeries
from app.record.request_record import Outcome, RequestRecord

OTHER: Final = "other"


class UserMetrics:
    """The first `max_users` seen have series of their own; all others share the one named `other`."""

    def __init__(self, registry: CollectorRegistry, max_users: int) -> None:
        self._max_users = max_users
        self._named: set[str] = set()
        self._requests = CounterSeries(
            "gateway_user_requests", "Answers by user and outcome", ("user_id", "outcome")
        )
        self._seconds = CounterSeries(
            "gateway_user_request_seconds", "From arrival to the end of the answer, in all", ("user_id",)
        )
        self._tokens = CounterSeries(
            "gateway_user_tokens", "Tokens by user", ("user_id", "gen_ai_token_type")
        )
        for series in (self._requests, self._seconds, self._tokens):
            registry.register(series)

    def observe(self, record: RequestRecord, outcome: Outcome, total_seconds: float) -> None:
        if record.user_id is None or not self._max_users:
            return
        name = self._name_of(record.user_id)
        self._requests.add((name, outcome), 1)
        self._seconds.add((name,), total_seconds)
        if record.model is not None:
            self._tokens.add((name, "input"), record.prompt_tokens)
            self._tokens.add((name, "output"), record.completion_tokens)

    def _name_of(self, user_id: str) -> str:
        if user_id not in self._named:
            if len(self._named) >= self._max_users:
                return OTHER
            self._named.add(user_id)
        return user_id
