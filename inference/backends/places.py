"""The places of a backend without an engine, handed out as the engine's scheduler does it."""

import asyncio

from inference.errors import QueueFull
from inference.queue_shares import most_of_batch
from inference.types import GenerationRequest, Priority
from inference.waitlist import MeanDuration, Queued, Waitlist


class Place(Queued):
    """Of one request, which waits until `granted` is set. Released by the caller that acquired it."""

    def __init__(self, request: GenerationRequest) -> None:
        super().__init__(request)
        self.granted = asyncio.Event()


class Places:
    """Used in one event loop. No running request makes room for another."""

    def __init__(self, capacity: int, max_waiting: int) -> None:
        self._capacity = capacity
        self._max_waiting = max_waiting
        self._list = Waitlist[Place](MeanDuration())

    @property
    def running(self) -> int:
        return self._list.running

    @property
    def waiting(self) -> int:
        return len(self._list)

    @property
    def waiting_of_batch(self) -> int:
        return self._list.waiting_of("batch")

    def check(self, priority: Priority) -> None:
        """Raises `QueueFull` if a request of that priority would have to wait, and may not."""
        most = most_of_batch(self._max_waiting) if priority == "batch" else self._max_waiting
        waiting = self.waiting_of_batch if priority == "batch" else self.waiting
        if self.running >= self._capacity and (waiting >= most or self.waiting >= self._max_waiting):
            raise QueueFull("the queue is full", self._list.retry_after_seconds())

    async def acquire(self, request: GenerationRequest) -> Place:
        place = Place(request)
        self._list.add(place)
        if request.place is not None:
            request.place.enter(lambda: self._list.wait_of(place))
        self._hand_out()
        try:
            await place.granted.wait()
        except BaseException:
            self.release(place)
            raise
        return place

    def release(self, place: Place) -> None:
        self._list.end(place)
        self._hand_out()

    def _hand_out(self) -> None:
        while self.running < self._capacity and (place := self._list.next_item) is not None:
            self._list.begin(place)
            place.granted.set()
