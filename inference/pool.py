"""All workers together: which one serves a request, how many wait, and what happens when a worker dies.

Everything here runs in the event loop's thread; there are no tensors.
"""

import asyncio
import logging
import math
import time
from collections.abc import AsyncGenerator
from contextlib import suppress
from itertools import count
from zlib import crc32

from inference.engine.outcome import Event, Outcome
from inference.errors import BackendUnavailable, GenerationFailed, QueueFull
from inference.model_card import ModelCard
from inference.queue_place import Wait
from inference.queue_shares import most_of_batch
from inference.status import BackendStatus, WorkerStatus
from inference.ticket import ABORTED, REPLAYABLE, WAITING, Ticket, TicketState, is_beginning
from inference.types import Delta, FinishReason, GenerationRequest, Priority, Usage
from inference.waitlist import MeanDuration, Waitlist
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
        self._waitlists: dict[Worker, Waitlist[Ticket]] = {}
        self._duration = MeanDuration()
        self._load_seconds = 0.0  # that a worker took to load, which another one will take
        self._keys = count()
        self._restarts: set[asyncio.Task[None]] = set()
        self._idle = asyncio.Event()
        self._idle.set()
        self._is_open = False
        self._may_restart = True

    async def start(self) -> ModelCard:
        """Loads on all devices at once. Raises what loading raises, after all workers have ended."""
        started_at = time.monotonic()
        self._workers = [self._new_worker(index) for index in range(len(self._devices))]
        loads = [asyncio.ensure_future(worker.start()) for worker in self._workers]
        try:
            model_cards = await asyncio.gather(*loads)
        except BaseException:
            await asyncio.gather(*(worker.stop() for worker in self._workers))
            await asyncio.gather(*loads, return_exceptions=True)
            raise
        self._is_open = True
        self._load_seconds = time.monotonic() - started_at
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
        self._check_place(request.priority)
        worker = self._choose_worker(request)
        if worker is None:
            raise BackendUnavailable("no worker is healthy", max(1, math.ceil(self._load_seconds)))
        ticket = Ticket(next(self._keys), request)
        self._tickets[ticket.key] = ticket
        self._idle.clear()
        self._assign(ticket, worker)
        if request.place is not None:
            request.place.enter(lambda: self._wait_of(ticket))
        return ticket

    def _check_place(self, priority: Priority) -> None:
        """Raises `QueueFull`."""
        waiting = [ticket.request.priority for ticket in self._tickets.values() if not ticket.has_begun]
        is_full = len(waiting) >= self._max_waiting_requests
        if priority == "batch":
            is_full = is_full or waiting.count("batch") >= most_of_batch(self._max_waiting_requests)
        if is_full:
            pauses = [each.retry_after_seconds() for each in self._waitlists.values()]
            known = [pause for pause in pauses if pause is not None]
            raise QueueFull(f"{len(waiting)} requests are waiting", min(known, default=None))

    def _choose_worker(self, request: GenerationRequest) -> Worker | None:
        """The user's own worker, which may have cached the prompt's prefix, or the idlest worker.

        The own one may have a few requests more, unless the request would wait there and not elsewhere.
        """
        healthy = [worker for worker in self._workers if worker.is_healthy]
        if not healthy:
            return None
        loads = {worker: self._load(worker, request.priority) for worker in healthy}
        idlest = min(healthy, key=lambda worker: (loads[worker], self._load(worker, "batch")))
        own = healthy[crc32(request.fairness_key.encode()) % len(healthy)]
        load, least = loads[own], loads[idlest]
        waits_only_there = load >= self._running_per_worker > least
        return idlest if waits_only_there or load > least + AFFINITY_SLACK else own

    def _load(self, worker: Worker, priority: Priority) -> int:
        """The requests that do not make room for one of that priority."""
        mine = [each.request.priority for each in self._tickets.values() if each.worker is worker]
        return len(mine) - (mine.count("batch") if priority == "interactive" else 0)

    def _wait_of(self, ticket: Ticket) -> Wait | None:
        if ticket.worker is None:
            return Wait() if ticket.state is TicketState.PARKED else None
        return self._waitlists[ticket.worker].wait_of(ticket)

    def _assign(self, ticket: Ticket, worker: Worker) -> None:
        ticket.worker = worker
        waitlist = self._waitlists.get(worker)
        if waitlist is None:
            waitlist = self._waitlists[worker] = Waitlist(self._duration)
        waitlist.add(ticket)
        if ticket.request.timeline is not None:
            ticket.request.timeline.worker = worker.name
        worker.add(ticket.key, ticket.request)
        self._expire_at(ticket, max(ticket.request.deadline, time.monotonic()) + self._overdue_seconds)

    def _abort(self, ticket: Ticket) -> None:
        if ticket.worker is None:
            self._finish(ticket, "aborted")
            return
        ticket.abort()  # its worker may be dead, which may not be known yet
        self._follow(ticket)
        ticket.worker.abort(ticket.key)

    def _finish(self, ticket: Ticket, finish_reason: FinishReason) -> None:
        """Ends a ticket whose worker does not."""
        self._settle(ticket, Delta(finish_reason=finish_reason, usage=Usage(0, 0)))

    def _settle(self, ticket: Ticket, event: Event) -> None:
        """Hands an event over, and removes the ticket after its last one."""
        before = ticket.state
        ticket.put(event)
        if ticket.state is before:
            return
        self._follow(ticket)
        if ticket.state is not TicketState.ENDED:
            return
        if ticket.expiry is not None:
            ticket.expiry.cancel()
        del self._tickets[ticket.key]
        if not self._tickets:
            self._idle.set()

    def _follow(self, ticket: Ticket) -> None:
        """Keeps its worker's list equal to its state."""
        waitlist = None if ticket.worker is None else self._waitlists.get(ticket.worker)
        if waitlist is None:
            return
        if ticket.has_begun:
            waitlist.begin(ticket)
        elif ticket.state not in WAITING:
            waitlist.end(ticket)

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
            waiting_batch=sum(not each.has_begun and each.request.priority == "batch" for each in mine),
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
        self._waitlists.pop(worker, None)
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
