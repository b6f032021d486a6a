"""The end of a worker's thread. The pool's tests cover requests and restarts."""

import asyncio
import weakref
from pathlib import Path

import pytest

from inference.config import EngineConfig
from inference.engine.engine import Engine
from inference.loading.registry import load_model
from inference.models.decoder import Decoder
from inference.workers.thread_worker import ThreadWorker
from inference.workers.worker import Worker

from ..tiny_checkpoints import write_glm4

pytestmark = pytest.mark.anyio


class WorkerKilled(BaseException):
    """Not an Exception, so that the engine does not catch it."""


class Listener:
    def __init__(self) -> None:
        self.has_died = asyncio.Event()

    def on_outcomes(self, worker: Worker, outcomes: object) -> None:
        pass

    def on_death(self, worker: Worker) -> None:
        self.has_died.set()


@pytest.mark.usefixtures("no_garbage_collection", "no_log_records")
async def test_a_dead_worker_has_freed_its_model_when_it_reports_its_death(
    tmp_path: Path, make_request
) -> None:
    """The next worker loads then, and a device has no memory for two."""
    write_glm4(tmp_path)
    decoders: list[weakref.ref[Decoder]] = []

    def kill(*_: object) -> None:
        raise WorkerKilled

    def make_engine() -> Engine:
        model = load_model(str(tmp_path), "cpu", "none")
        model.decoder.register_forward_pre_hook(kill)
        decoders.append(weakref.ref(model.decoder))
        return Engine(model, model.decoder.frequencies.device, EngineConfig(kv_cache_tokens=1024))

    listener = Listener()
    worker = ThreadWorker("0", "cpu", make_engine, listener)
    await worker.start()
    worker.add(0, make_request())
    async with asyncio.timeout(30):
        await listener.has_died.wait()
    await worker.stop()
    assert [decoder() for decoder in decoders] == [None]
