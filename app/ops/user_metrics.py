"""Counts by user, if the settings ask for them, of a bounded number of users: scrapes stay small."""

from typing import Final

from prometheus_client import CollectorRegistry

from app.ops.collectors import CounterCollector
from app.record.request_record import Outcome, RequestRecord

OTHER: Final = "other"


class UserMetrics:
    """The first `max_users` users have series of their own; all others share one named `other`."""

    def __init__(self, registry: CollectorRegistry, max_users: int) -> None:
        self._max_users = max_users
        self._named: set[str] = set()
        self._requests = CounterCollector(
            "gateway_user_requests", "Responses by user and outcome", ("user_id", "outcome")
        )
        self._seconds = CounterCollector(
            "gateway_user_request_seconds", "From arrival to the end of the response, in all", ("user_id",)
        )
        self._tokens = CounterCollector(
            "gateway_user_tokens", "Tokens by user", ("user_id", "gen_ai_token_type")
        )
        for collector in (self._requests, self._seconds, self._tokens):
            registry.register(collector)

    def observe(self, record: RequestRecord, outcome: Outcome, total_seconds: float) -> None:
        if record.user_id is None or not self._max_users:
            return
        name = self._name_of(record.user_id)
        self._requests.inc(name, outcome)
        self._seconds.inc(name, amount=total_seconds)
        if record.model is not None:
            self._tokens.inc(name, "input", amount=record.prompt_tokens)
            self._tokens.inc(name, "output", amount=record.completion_tokens)

    def _name_of(self, user_id: str) -> str:
        if user_id not in self._named:
            if len(self._named) >= self._max_users:
                return OTHER
            self._named.add(user_id)
        return user_id
