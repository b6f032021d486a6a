"""How the last hour went for each user, so that the slowest can be named.

Bounded: twelve slots of five minutes with so many users each; the hour moves on by whole slots.
"""

from collections import deque
from collections.abc import Callable
from heapq import nsmallest
from typing import Final

from app.ops.distribution import Distribution
from app.ops.traffic import Traffic
from app.record.request_record import Outcome, RequestRecord

SLOT_SECONDS: Final = 300
SLOTS: Final = 12
MAX_USERS: Final = 500  # in one slot; about 10 MB if all of them are new in each


class UsersOfHour:
    """Made by `History`; used on the event loop's thread alone. `clock` gives seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._slots: deque[tuple[int, dict[str, Traffic]]] = deque(maxlen=SLOTS)

    def observe(self, record: RequestRecord, outcome: Outcome) -> None:
        """Leaves out requests without an accepted token, and users beyond the bound."""
        if record.user_id is None:
            return
        number = int(self._clock() // SLOT_SECONDS)
        if not self._slots or self._slots[-1][0] < number:
            self._slots.append((number, {}))
        users = self._slots[-1][1]
        traffic = users.get(record.user_id)
        if traffic is None:
            if len(users) >= MAX_USERS:
                return
            traffic = users[record.user_id] = Traffic()
        traffic.observe(record, outcome)
        traffic.output_tokens += record.completion_tokens

    def slowest(self, count: int) -> list[tuple[str, Traffic]]:
        """Who waited longest for the first token, in the 95th percentile; the slowest first."""
        oldest = int(self._clock() // SLOT_SECONDS) - SLOTS
        slots: dict[str, list[Traffic]] = {}
        for number, users in self._slots:
            if number > oldest:
                for user_id, traffic in users.items():
                    slots.setdefault(user_id, []).append(traffic)
        waits: list[tuple[float, str]] = []
        for user_id, parts in slots.items():
            ttft_seconds = Distribution.merged(part.ttft_seconds for part in parts).quantile(0.95)
            if ttft_seconds is not None:
                waits.append((-ttft_seconds, user_id))
        return [(user_id, Traffic.merged(slots[user_id])) for _, user_id in nsmallest(count, waits)]
