"""Counts by user, if the settings ask for them, of a bounded number of users: scrapes stay small."""

from functools import cache
from typing import Final

from prometheus_client import CollectorRegistry, Counter

from app.record.request_record import Outcome, RequestRecord

OTHER: Final = "other"


class UserMetrics:
    """The first `max_users` users have series of their own; all others share one named `other`."""

    def __init__(self, registry: CollectorRegistry, max_users: int) -> None:
        self._max_users = max_users
        self._named: set[str] = set()
        requests = Counter(
            "gateway_user_requests",
            "Responses by user and outcome",
            ("user_id", "outcome"),
            registry=registry,
        )
        seconds = Counter(
            "gateway_user_request_seconds",
            "From arrival to the end of the response, in all",
            ("user_id",),
            registry=registry,
        )
        tokens = Counter(
            "gateway_user_tokens", "Tokens by user", ("user_id", "gen_ai_token_type"), registry=registry
        )
        self._requests, self._seconds = cache(requests.labels), cache(seconds.labels)
        self._tokens = cache(tokens.labels)

    def observe(self, record: RequestRecord, outcome: Outcome, total_seconds: float) -> None:
        if record.user_id is None or not self._max_users:
            return
        name = self._name_of(record.user_id)
        self._requests(name, outcome).inc()
        self._seconds(name).inc(total_seconds)
        if record.model is not None:
            self._tokens(name, "input").inc(record.prompt_tokens)
            self._tokens(name, "output").inc(record.completion_tokens)

    def _name_of(self, user_id: str) -> str:
        if user_id not in self._named:
            if len(self._named) >= self._max_users:
                return OTHER
            self._named.add(user_id)
        return user_id
