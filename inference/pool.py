"""All workers together: which one serves a request, how many wait, and what happens when a worker dies.

Everything here runs in the event loop's thread; there are no tensors.
"""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator
from contextlib import suppress
from itertools import count
from zlib import crc32

from inference.engine.outcome import Event, Outcome
from inference.errors import BackendUnavailable, GenerationFailed, QueueFull
from inference.model_card import ModelCard
from inference.status import BackendStatus, WorkerStatus
from inference.ticket import ABORTED, REPLAYABLE, Ticket, TicketState, is_beginning
from inference.types import Delta, FinishReason, GenerationRequest, Usage
from inference.workers.worker import MakeWorker, Worker

logger = logging.getLogger(__name__)

AFFINITY_SLACK = 2  # requests by which a user's own worker may have more than the idlest one
OVERDUE_SECONDS = 2.0  # for a worker to end a request after its deadline, before the pool does
ABORT_SECONDS = 10.0  # for workers to end aborted requests, before they are stopped
RESTART_PAUSE_SECONDS = 1.0  # after a failed restart; doubles each time, up to the next
MAX_RESTART_PAUSE_SECONDS = 60.0


class Pool:
    """Created by a backend, which starts and closes it. One worker per entry of `devices`."""

    def __init__(
        self,
        devices: tuple[str, ...],
        make_worker: MakeWorker,
        max_waiting_requests: int,
        restart_pause_seconds: float = RESTART_PAUSE_SECONDS,
        abort_seconds: float = ABORT_SECONDS,
        running_per_worker: float = float("inf"),
        overdue_seconds: float = OVERDUE_SECONDS,
    ) -> None:
        """`running_per_worker`: how many requests a worker computes together; more wait there."""
        self._devices = devices
        self._make_worker = make_worker
        self._max_waiting_requests = max_waiting_requests
        self._restart_pause_seconds = restart_pause_seconds
        self._abort_seconds = abort_seconds
        self._running_per_worker = running_per_worker
        self._overdue_seconds = overdue_seconds
        self._workers: list[Worker] = []
        self._tickets: dict[int, Ticket] = {}
        self._keys = count()
        self._restarts: set[asyncio.Task[None]] = set()
        self._idle = asyncio.Event()
        self._idle.set()
        self._is_open = False
        self._may_restart = True

    async def start(self) -> ModelCard:
        """Loads on all devices at once. Raises what loading raises, after all workers have ended."""
        self._workers = [self._new_worker(index) for index in range(len(self._devices))]
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
        """See `Backend.generate`. A replayed request begins twice; its caller sees only the first time.

        Callers wait for a worker that does not respond until soon after the deadline.
        """
        ticket = self._admit(request)
        is_announced = False
        try:
            while True:
                event = await ticket.events.get()
                if not isinstance(event, Delta):
                    raise event
                if not is_announced:
                    is_announced = True
                    yield Delta(usage=event.usage)
                if is_beginning(event):
                    continue
                yield event
                if event.finish_reason is not None:
                    return
        finally:
            if ticket.state is not TicketState.ENDED:
                self._abort(ticket)
                await ticket.is_released.wait()

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
            with suppress(TimeoutError):  # a worker hangs
                async with asyncio.timeout(self._abort_seconds):
                    await self._idle.wait()
        self._may_restart = False  # a worker may die while it is stopped
        for restart in self._restarts:
            restart.cancel()
        await asyncio.gather(*self._restarts, return_exceptions=True)
        await asyncio.gather(*(worker.stop() for worker in self._workers))
        for ticket in tuple(self._tickets.values()):
            self._finish(ticket, "aborted")

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
        """The user's own worker, which may have cached the prompt's prefix, or the idlest worker.

        The own one may have a few requests more, unless the request would wait there and not elsewhere.
        """
        healthy = [worker for worker in self._workers if worker.is_healthy]
        if not healthy:
            return None
        idlest = min(healthy, key=self._load)
        own = healthy[crc32(request.fairness_key.encode()) % len(healthy)]
        load, least = self._load(own), self._load(idlest)
        waits_only_there = load >= self._running_per_worker > least
        return idlest if waits_only_there or load > least + AFFINITY_SLACK else own

    def _load(self, worker: Worker) -> int:
        return sum(ticket.worker is worker for ticket in self._tickets.values())

    def _assign(self, ticket: Ticket, worker: Worker) -> None:
        ticket.worker = worker
        if ticket.request.timeline is not None:
            ticket.request.timeline.worker = worker.name
        worker.add(ticket.key, ticket.request)
        self._expire_at(ticket, max(ticket.request.deadline, time.monotonic()) + self._overdue_seconds)

    def _abort(self, ticket: Ticket) -> None:
        if ticket.worker is None:
            self._finish(ticket, "aborted")
            return
        ticket.abort()  # its worker may be dead, which may not be known yet
        ticket.worker.abort(ticket.key)

    def _finish(self, ticket: Ticket, finish_reason: FinishReason) -> None:
        """Ends a ticket whose worker does not."""
        self._settle(ticket, Delta(finish_reason=finish_reason, usage=Usage(0, 0)))

    def _settle(self, ticket: Ticket, event: Event) -> None:
        """Hands an event over, and removes the ticket after its last one."""
        ticket.put(event)
        if ticket.state is not TicketState.ENDED:
            return
        if ticket.expiry is not None:
            ticket.expiry.cancel()
        del self._tickets[ticket.key]
        if not self._tickets:
            self._idle.set()

    def _worker_status(self, worker: Worker) -> WorkerStatus:
        # A parked ticket is counted once, with the first worker.
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
        """Replays requests without text once, fails the others, and starts another worker until closing."""
        index = self._workers.index(worker)
        for ticket in tuple(self._tickets.values()):
            if ticket.worker is not worker:
                continue
            ticket.worker = None
            if ticket.state in ABORTED:
                self._finish(ticket, "aborted")
            elif ticket.state in REPLAYABLE:
                self._replay(ticket)
            else:
                self._settle(ticket, GenerationFailed("its worker died"))
        if not self._may_restart:
            return
        restart = asyncio.ensure_future(self._restart(index))
        self._restarts.add(restart)
        restart.add_done_callback(self._restarts.discard)

    def _replay(self, ticket: Ticket) -> None:
        """Gives the ticket to another worker, or parks it until there is one, at most until its deadline."""
        worker = self._choose_worker(ticket.request)
        if worker is not None:
            ticket.move(TicketState.REQUEUED)
            self._assign(ticket, worker)
            return
        ticket.move(TicketState.PARKED)
        self._expire_at(ticket, ticket.request.deadline)

    def _expire_at(self, ticket: Ticket, moment: float) -> None:
        """`moment` is in `time.monotonic()` seconds."""
        if ticket.expiry is not None:
            ticket.expiry.cancel()
        if moment != float("inf"):
            remaining = max(0.0, moment - time.monotonic())
            ticket.expiry = asyncio.get_running_loop().call_later(remaining, self._expire, ticket)

    def _expire(self, ticket: Ticket) -> None:
        """Its worker has not ended it at its deadline, or it is parked.

        A ticket that a worker has stays until the worker responds or dies, so that it counts as its load.
        """
        if ticket.worker is None:
            self._finish(ticket, "deadline")
            return
        logger.warning("worker %s has not ended a request at its deadline", ticket.worker.name)
        self._abort(ticket)
        ticket.release()

    def _new_worker(self, index: int) -> Worker:
        return self._make_worker(str(index), self._devices[index], self)

    async def _restart(self, index: int) -> None:
        """Tries until a new worker is loaded. After each failure, requests that no worker can take fail."""
        pause = self._restart_pause_seconds
        await self._workers[index].stop()
        while True:
            worker = self._workers[index] = self._new_worker(index)
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
        return [ticket for ticket in self._tickets.values() if ticket.state is TicketState.PARKED]
