"""All workers together: which one serves a request, who waits, and what happens when one dies.

Knows requests, workers and the event loop, in whose thread everything here runs; no tensors.
"""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Callable
from itertools import count
from zlib import crc32

from inference.engine.outcome import Event, Outcome
from inference.errors import BackendUnavailable, GenerationFailed, QueueFull
from inference.model_card import ModelCard
from inference.status import BackendStatus, WorkerStatus
from inference.types import Delta, FinishReason, GenerationRequest, Usage
from inference.worker import Steppable, Worker

logger = logging.getLogger(__name__)

AFFINITY_SLACK = 2  # requests by which a user's own worker may be busier than the idlest one
RESTART_PAUSE_SECONDS = 1.0  # after a failed restart; doubles up to the next
MAX_RESTART_PAUSE_SECONDS = 60.0


class Ticket:
    """One request's place in the pool. `worker` is None while it waits for a worker to come back."""

    def __init__(self, key: int, request: GenerationRequest) -> None:
        self.key = key
        self.request = request
        self.worker: Worker | None = None
        self.events: asyncio.Queue[Event] = asyncio.Queue()  # bounded by the request's max_tokens
        self.ended = asyncio.Event()
        self.has_begun = False  # at its present worker
        self.is_announced = False
        self.has_spoken = False
        self.is_replay = False
        self.is_aborted = False
        self.expiry: asyncio.TimerHandle | None = None

    def put(self, event: Event) -> None:
        """Hands an event to the caller, who sees exactly one Delta without text, first."""
        if isinstance(event, Delta):
            is_beginning = not (event.text or event.reasoning or event.finish_reason)
            self.has_begun = True
            if not self.is_announced:
                self.is_announced = True
                self.events.put_nowait(Delta(usage=event.usage))
            if is_beginning:
                return
            self.has_spoken = True
        self.events.put_nowait(event)


class Pool:
    """Created by a backend, which starts and closes it. One worker per entry of `devices`."""

    def __init__(
        self,
        devices: tuple[str, ...],
        make_engine: Callable[[str], Steppable],
        max_waiting_requests: int,
        restart_pause_seconds: float = RESTART_PAUSE_SECONDS,
    ) -> None:
        self._devices = devices
        self._make_engine = make_engine
        self._max_waiting_requests = max_waiting_requests
        self._restart_pause_seconds = restart_pause_seconds
        self._workers: list[Worker] = []
        self._tickets: dict[int, Ticket] = {}
        self._keys = count()
        self._restarts: set[asyncio.Task[None]] = set()
        self._idle = asyncio.Event()
        self._idle.set()
        self._is_open = False

    async def start(self) -> ModelCard:
        """Loads on all devices at once. Raises what loading raises, and then leaves nothing behind."""
        self._workers = [self._make_worker(index) for index in range(len(self._devices))]
        loads = [asyncio.ensure_future(worker.start()) for worker in self._workers]
        try:
            model_cards = await asyncio.gather(*loads)
        except BaseException:
            await asyncio.gather(*(worker.stop() for worker in self._workers))
            await asyncio.gather(*loads, return_exceptions=True)
            raise
        self._is_open = True
        return model_cards[0]

    async def generate(self, request: GenerationRequest) -> AsyncGenerator[Delta, None]:
        """See `Backend.generate`."""
        ticket = self._admit(request)
        try:
            while True:
                event = await ticket.events.get()
                if not isinstance(event, Delta):
                    raise event
                yield event
                if event.finish_reason is not None:
                    return
        finally:
            if not ticket.ended.is_set():
                self._abort(ticket)
                await ticket.ended.wait()

    def status(self) -> BackendStatus:
        return BackendStatus(tuple(map(self._worker_status, self._workers)))

    async def aclose(self, drain_seconds: float) -> None:
        """See `Backend.aclose`. May be called twice, and before `start`."""
        self._is_open = False
        try:
            async with asyncio.timeout(drain_seconds):
                await self._idle.wait()
        except TimeoutError:
            for ticket in tuple(self._tickets.values()):
                self._abort(ticket)
            await self._idle.wait()
        for restart in self._restarts:
            restart.cancel()
        await asyncio.gather(*self._restarts, return_exceptions=True)
        await asyncio.gather(*(worker.stop() for worker in self._workers))

    # Requests

    def _admit(self, request: GenerationRequest) -> Ticket:
        if not self._is_open:
            raise BackendUnavailable("the pool is closed")
        waiting = sum(not ticket.has_begun for ticket in self._tickets.values())
        if waiting >= self._max_waiting_requests:
            raise QueueFull(f"{waiting} requests are waiting")
        worker = self._choose_worker(request)
        if worker is None:
            raise BackendUnavailable("no worker is healthy")
        ticket = Ticket(next(self._keys), request)
        self._tickets[ticket.key] = ticket
        self._idle.clear()
        self._assign(ticket, worker)
        return ticket

    def _choose_worker(self, request: GenerationRequest) -> Worker | None:
        """The user's own worker, where the beginnings of the prompts may be cached, or the idlest one."""
        healthy = [worker for worker in self._workers if worker.is_healthy]
        if not healthy:
            return None
        idlest = min(healthy, key=self._load)
        own = healthy[crc32(request.fairness_key.encode()) % len(healthy)]
        return own if self._load(own) <= self._load(idlest) + AFFINITY_SLACK else idlest

    def _load(self, worker: Worker) -> int:
        return sum(ticket.worker is worker for ticket in self._tickets.values())

    def _assign(self, ticket: Ticket, worker: Worker) -> None:
        ticket.worker = worker
        if ticket.request.timeline is not None:
            ticket.request.timeline.worker = worker.name
        worker.add(ticket.key, ticket.request)

    def _abort(self, ticket: Ticket) -> None:
        ticket.is_aborted = True  # should its worker be dead, which may not be known yet
        if ticket.worker is None:
            self._finish(ticket, "aborted")
        else:
            ticket.worker.abort(ticket.key)

    def _finish(self, ticket: Ticket, finish_reason: FinishReason) -> None:
        """Ends a ticket that no worker holds."""
        self._settle(ticket, Delta(finish_reason=finish_reason, usage=Usage(0, 0)))

    def _settle(self, ticket: Ticket, event: Event) -> None:
        """Hands an event over, and forgets the ticket when it was the last."""
        ticket.put(event)
        if isinstance(event, Delta) and event.finish_reason is None:
            return
        if ticket.expiry is not None:
            ticket.expiry.cancel()
        del self._tickets[ticket.key]
        ticket.ended.set()
        if not self._tickets:
            self._idle.set()

    def _worker_status(self, worker: Worker) -> WorkerStatus:
        # Who waits for any worker to come back is counted once, with the first.
        mine = [ticket for ticket in self._tickets.values() if (ticket.worker or self._workers[0]) is worker]
        running = sum(ticket.has_begun for ticket in mine)
        return WorkerStatus(
            worker=worker.name,
            device=worker.device,
            healthy=worker.is_healthy,
            running=running,
            waiting=len(mine) - running,
            kv_used=worker.blocks_used,
            kv_total=worker.blocks_total,
        )

    # Workers

    def on_outcomes(self, worker: Worker, outcomes: list[Outcome]) -> None:
        for key, event in outcomes:
            ticket = self._tickets.get(key)
            if ticket is not None and ticket.worker is worker:
                self._settle(ticket, event)

    def on_death(self, worker: Worker) -> None:
        """Replays, once, what had not emitted a token; fails the rest; starts another worker."""
        index = self._workers.index(worker)
        for ticket in tuple(self._tickets.values()):
            if ticket.worker is not worker:
                continue
            ticket.worker = None
            ticket.has_begun = False
            if ticket.is_aborted:
                self._finish(ticket, "aborted")
            elif ticket.has_spoken or ticket.is_replay:
                self._settle(ticket, GenerationFailed("its worker died"))
            else:
                ticket.is_replay = True
                self._replay(ticket)
        restart = asyncio.ensure_future(self._restart(index))
        self._restarts.add(restart)
        restart.add_done_callback(self._restarts.discard)

    def _replay(self, ticket: Ticket) -> None:
        """Gives the ticket to another worker, or lets it wait for one, at most until its deadline."""
        worker = self._choose_worker(ticket.request)
        if worker is not None:
            self._assign(ticket, worker)
        elif ticket.expiry is None and ticket.request.deadline != float("inf"):
            remaining = max(0.0, ticket.request.deadline - time.monotonic())
            ticket.expiry = asyncio.get_running_loop().call_later(remaining, self._expire, ticket)

    def _expire(self, ticket: Ticket) -> None:
        if ticket.worker is None:
            self._finish(ticket, "deadline")

    def _make_worker(self, index: int) -> Worker:
        device = self._devices[index]
        return Worker(str(index), device, lambda: self._make_engine(device), self)

    async def _restart(self, index: int) -> None:
        """Tries until a new worker is up. Who waits for it is told after the first failure."""
        pause = self._restart_pause_seconds
        await self._workers[index].stop()
        while True:
            worker = self._workers[index] = self._make_worker(index)
            try:
                await worker.start()
            except Exception as error:
                logger.error("worker %s cannot be restarted: %s", worker.name, type(error).__name__)
                await worker.stop()
            else:
                break
            for ticket in self._parked():
                if self._choose_worker(ticket.request) is None:
                    self._settle(ticket, BackendUnavailable("no worker is healthy"))
            await asyncio.sleep(pause)
            pause = min(pause * 2, MAX_RESTART_PAUSE_SECONDS)
        for ticket in self._parked():
            self._replay(ticket)

    def _parked(self) -> list[Ticket]:
        return [ticket for ticket in self._tickets.values() if ticket.worker is None]
