"""Whose file is decoded next: places for a few, a bounded queue for the rest, fair between users."""

import asyncio
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field

from app.errors import Overloaded
from app.work_pace import WorkPace

_FIRST_SECONDS = 0.1  # of a file, before one was decoded


@dataclass(slots=True)
class Turn:
    """One user's place, released by the caller that took it."""

    user_id: str
    began_at: float


@dataclass(slots=True, eq=False)
class _Waiter:
    future: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Turns:
    """Used from one event loop; `clock` is monotonic seconds.

    A user gets a further place only while another one stays free, so a single user never holds all of
    them. Users who wait take turns, each with its oldest request.
    """

    def __init__(self, places: int, max_waiting: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._places = places
        self._max_waiting = max_waiting
        self._clock = clock
        self._held: Counter[str] = Counter()
        self._waiting: OrderedDict[str, deque[_Waiter]] = OrderedDict()
        self._pace = WorkPace(_FIRST_SECONDS)

    @property
    def running(self) -> int:
        return self._held.total()

    @property
    def waiting(self) -> int:
        return sum(map(len, self._waiting.values()))

    async def acquire(self, user_id: str) -> Turn:
        """Raises `Overloaded`, with the seconds after which a place is likely, when too many wait."""
        if self._may_have_place(user_id) and user_id not in self._waiting:
            self._held[user_id] += 1
        else:
            await self._wait(user_id)
        return Turn(user_id, self._clock())

    def release(self, turn: Turn) -> None:
        self._pace.add(self._clock() - turn.began_at)
        self._give_back(turn.user_id)

    async def _wait(self, user_id: str) -> None:
        if self.waiting >= self._max_waiting:
            seconds = self._pace.retry_after_seconds(self.waiting / self._places)
            raise Overloaded(retry_after_seconds=seconds)
        waiter = _Waiter()
        self._waiting.setdefault(user_id, deque()).append(waiter)
        try:
            await waiter.future
        except asyncio.CancelledError:
            if waiter.future.done() and not waiter.future.cancelled():
                self._give_back(user_id)  # the place was granted at the same time
            else:
                self._forget(user_id, waiter)
                self._hand_out()
            raise

    def _forget(self, user_id: str, waiter: _Waiter) -> None:
        of_user = self._waiting.get(user_id, deque())
        if waiter in of_user:
            of_user.remove(waiter)
        if not of_user:
            self._waiting.pop(user_id, None)

    def _give_back(self, user_id: str) -> None:
        self._held[user_id] -= 1
        if not self._held[user_id]:
            del self._held[user_id]
        self._hand_out()

    def _may_have_place(self, user_id: str) -> bool:
        free = self._places - self.running
        return free > (1 if self._held[user_id] else 0)

    def _hand_out(self) -> None:
        """Gives free places to the waiting, the user first whose last turn is longest ago."""
        is_given = True
        while is_given:
            is_given = False
            for user_id in list(self._waiting):
                if self._may_have_place(user_id):
                    waiter = self._waiting[user_id][0]
                    self._forget(user_id, waiter)
                    is_given = True
                    if waiter.future.cancelled():  # its task has not run since
                        continue
                    if user_id in self._waiting:
                        self._waiting.move_to_end(user_id)
                    self._held[user_id] += 1
                    waiter.future.set_result(None)
