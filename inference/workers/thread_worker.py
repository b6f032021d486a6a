"""A worker in a thread of this process: it loads the model there, then steps the engine while there is work.

Requests and their callers belong to the pool; this module passes commands and outcomes between threads.
"""

import asyncio
import logging
import threading
import traceback

from inference.engine.outcome import Outcome
from inference.errors import BackendUnavailable
from inference.model_card import ModelCard
from inference.types import GenerationRequest
from inference.workers.event_loop import post
from inference.workers.step_loop import Inbox, step_until_stopped
from inference.workers.worker import MakeEngine, Steppable, WorkerListener

logger = logging.getLogger(__name__)


class ThreadWorker:
    """See `Worker`."""

    def __init__(self, name: str, device: str, make_engine: MakeEngine, listener: WorkerListener) -> None:
        self.name = name
        self.device = device
        self.is_healthy = False
        self.blocks_used = 0  # written by the thread, before it reports the step's outcomes
        self.blocks_total = 0
        self._make_engine = make_engine
        self._listener = listener
        self._inbox = Inbox()
        self._loop = asyncio.get_running_loop()
        self._loaded: asyncio.Future[ModelCard] = self._loop.create_future()
        self._ended: asyncio.Future[None] = self._loop.create_future()
        self._thread = threading.Thread(target=self._run, name=f"inference-{name}", daemon=True)

    async def start(self) -> ModelCard:
        """See `Worker`."""
        self._thread.start()
        return await asyncio.shield(self._loaded)

    def add(self, key: int, request: GenerationRequest) -> None:
        self._inbox.put(lambda engine: engine.add(key, request))

    def abort(self, key: int) -> None:
        self._inbox.put(lambda engine: engine.abort(key))

    async def stop(self) -> None:
        """Ends the thread after the current step, or after loading, and waits for it."""
        self._inbox.put(None)
        if self._thread.ident is not None:
            await asyncio.shield(self._ended)
            self._thread.join()

    # In the worker's thread

    def _run(self) -> None:
        error: BaseException | None = None
        try:
            self._load_and_serve()
        except BaseException as caught:
            error = caught
            if self.is_healthy:
                logger.critical("worker %s on %s died", self.name, self.device, exc_info=caught)
            traceback.clear_frames(caught.__traceback__)  # frames hold the engine and its memory
            if self.is_healthy:
                caught.__traceback__ = None  # so do the frames' functions, until garbage is collected
        post(self._loop, self._note_end, error)

    def _load_and_serve(self) -> None:
        engine = self._make_engine()
        self.blocks_total = engine.blocks_total
        post(self._loop, self._note_loaded, engine.model_card)
        step_until_stopped(engine, self._inbox, self._report)

    def _report(self, engine: Steppable, outcomes: list[Outcome]) -> None:
        self.blocks_used = engine.blocks_used
        if outcomes:
            post(self._loop, self._listener.on_outcomes, self, outcomes)

    # In the event loop's thread

    def _note_loaded(self, model_card: ModelCard) -> None:
        self.is_healthy = True
        self._loaded.set_result(model_card)

    def _note_end(self, error: BaseException | None) -> None:
        was_healthy, self.is_healthy = self.is_healthy, False
        self.blocks_used = 0
        self._ended.set_result(None)
        if not self._loaded.done():
            # A future must not carry an exception that ends the event loop, and cannot carry a StopIteration.
            if not isinstance(error, Exception) or isinstance(error, StopIteration):
                error = BackendUnavailable("the worker died")
            self._loaded.set_exception(error)
            self._loaded.exception()  # marks it as retrieved, since `start` may have been cancelled
        elif was_healthy and error is not None:
            self._listener.on_death(self)
