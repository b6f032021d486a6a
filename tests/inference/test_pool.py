"""Requests, workers and the event loop together: the choice of a worker, and the death of one."""

import asyncio
import random
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
import torch

from inference.config import EngineConfig
from inference.engine.engine import Engine
from inference.errors import BackendUnavailable, GenerationFailed, InvalidCheckpoint, QueueFull
from inference.pool import AFFINITY_SLACK, OVERDUE_SECONDS, Pool
from inference.queue_place import QueuePlace
from inference.types import Delta
from inference.workers.thread_worker import ThreadWorker
from inference.workers.worker import MakeWorker, Steppable, Worker, WorkerListener

pytestmark = pytest.mark.anyio


class WorkerKilled(BaseException):
    """Not an Exception, so that the engine does not catch it."""


class Gate:
    """Blocks every forward step after the `free_steps` until it is opened; may kill the worker instead."""

    def __init__(self) -> None:
        self.is_open = threading.Event()
        self.is_open.set()
        self.entered = threading.Event()
        self.free_steps = 0
        self.kills = 0
        self.steps = 0

    def __call__(self, *_: object) -> None:
        self.steps += 1
        if self.free_steps:
            self.free_steps -= 1
            return
        self.entered.set()
        assert self.is_open.wait(30)
        if self.kills:
            self.kills -= 1
            raise WorkerKilled

    async def wait_entered(self) -> None:
        self.entered.clear()
        await until(self.entered.is_set)


@pytest.fixture
def gate() -> Gate:
    return Gate()


@pytest.fixture
def may_load() -> threading.Event:
    """No worker loads while it is cleared."""
    event = threading.Event()
    event.set()
    return event


@pytest.fixture
def open_pool(make_model, gate: Gate, may_load: threading.Event):
    """Opens a pool with fake models, whose steps all pass the gate."""

    @asynccontextmanager
    async def open_it(
        devices: tuple[str, ...] = ("cpu",),
        max_waiting_requests: int = 64,
        before_load: Callable[[str], object] = lambda device: may_load.wait(30),
        overdue_seconds: float = OVERDUE_SECONDS,
        **config: object,
    ) -> AsyncIterator[Pool]:
        engine_config = EngineConfig(block_size=4, kv_cache_tokens=4096, **config)

        def make_engine(device: str) -> Engine:
            before_load(device)
            model = make_model()
            model.decoder.before_forward = gate
            return Engine(model, torch.device("cpu"), engine_config)

        pool = Pool(
            devices,
            in_threads(make_engine),
            max_waiting_requests,
            restart_pause_seconds=0.001,
            overdue_seconds=overdue_seconds,
            running_per_worker=engine_config.max_running_requests,
        )
        await pool.start()
        try:
            yield pool
        finally:
            gate.is_open.set()
            await pool.aclose(0)

    return open_it


def in_threads(make_engine: Callable[[str], Steppable]) -> MakeWorker:
    return lambda name, device, listener: ThreadWorker(name, device, lambda: make_engine(device), listener)


async def collect(pool: Pool, request) -> list[Delta]:
    return [delta async for delta in pool.generate(request)]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - a status has no event
            await asyncio.sleep(0)


def is_beginning(delta: Delta) -> bool:
    return not (delta.text or delta.reasoning or delta.finish_reason)


def text_of(deltas: list[Delta]) -> str:
    return "".join(delta.text for delta in deltas)


async def test_one_users_requests_stay_on_one_worker_while_load_is_even(
    open_pool, make_request, gate
) -> None:
    async with open_pool(("a", "b")) as pool:
        gate.is_open.clear()
        tasks = [
            asyncio.create_task(collect(pool, make_request(fairness_key="ann")))
            for _ in range(AFFINITY_SLACK)
        ]
        await until(lambda: pool.status().running + pool.status().waiting == len(tasks))
        loads = [worker.running + worker.waiting for worker in pool.status().workers]
        assert sorted(loads) == [0, AFFINITY_SLACK]
        gate.is_open.set()
        await asyncio.gather(*tasks)


async def test_one_users_burst_is_spread_over_all_workers(open_pool, make_request, gate) -> None:
    async with open_pool(("a", "b")) as pool:
        gate.is_open.clear()
        tasks = [asyncio.create_task(collect(pool, make_request(fairness_key="ann"))) for _ in range(16)]
        await until(lambda: pool.status().running + pool.status().waiting == len(tasks))
        loads = [worker.running + worker.waiting for worker in pool.status().workers]
        assert min(loads) >= (16 - AFFINITY_SLACK) // 2 - 1
        gate.is_open.set()
        await asyncio.gather(*tasks)


async def test_no_request_waits_for_its_users_worker_while_another_has_room(
    open_pool, make_request, gate
) -> None:
    async with open_pool(("a", "b"), max_running_requests=2) as pool:
        gate.is_open.clear()
        tasks = [asyncio.create_task(collect(pool, make_request(fairness_key="ann"))) for _ in range(4)]
        await until(lambda: pool.status().running + pool.status().waiting == len(tasks))
        assert [worker.running + worker.waiting for worker in pool.status().workers] == [2, 2]
        gate.is_open.set()
        await asyncio.gather(*tasks)


async def test_the_event_loop_runs_while_the_device_is_busy(open_pool, make_request, gate) -> None:
    async with open_pool() as pool:
        gate.is_open.clear()
        task = asyncio.create_task(collect(pool, make_request()))
        await gate.wait_entered()
        assert not task.done()
        assert pool.status().is_ready
        gate.is_open.set()
        assert text_of(await task) == "hello"


async def test_a_full_queue_refuses_and_frees_its_places_again(open_pool, make_request, gate) -> None:
    async with open_pool(max_waiting_requests=2) as pool:
        gate.is_open.clear()
        tasks = [asyncio.create_task(collect(pool, make_request())) for _ in range(2)]
        await until(lambda: pool.status().waiting == 2)
        with pytest.raises(QueueFull):
            await collect(pool, make_request())
        gate.is_open.set()
        await asyncio.gather(*tasks)
        assert text_of(await collect(pool, make_request())) == "hello"


async def test_a_flood_of_batch_requests_leaves_places_in_the_queue(open_pool, make_request, gate) -> None:
    async with open_pool(max_waiting_requests=4) as pool:
        gate.is_open.clear()
        tasks = [asyncio.create_task(collect(pool, make_request(priority="batch"))) for _ in range(3)]
        await until(lambda: pool.status().waiting == 3)
        with pytest.raises(QueueFull):
            await collect(pool, make_request(priority="batch"))
        tasks.append(asyncio.create_task(collect(pool, make_request())))
        await until(lambda: pool.status().waiting == 4)
        assert pool.status().workers[0].waiting_batch == 3
        with pytest.raises(QueueFull):
            await collect(pool, make_request())
        gate.is_open.set()
        await asyncio.gather(*tasks)


async def test_an_interactive_request_goes_where_only_batch_requests_are(
    open_pool, make_request, gate
) -> None:
    async with open_pool(("a", "b"), max_running_requests=2) as pool:
        gate.is_open.clear()
        fields = [{"priority": "batch", "fairness_key": "bob"}] * 4 + [{"fairness_key": "ann"}] * 4
        tasks = [asyncio.create_task(collect(pool, make_request(**each))) for each in fields]
        await until(lambda: pool.status().running + pool.status().waiting == len(tasks))
        assert [worker.running + worker.waiting for worker in pool.status().workers] == [4, 4]
        gate.is_open.set()
        await asyncio.gather(*tasks)


async def test_a_request_that_waits_knows_its_position_and_how_long_it_takes(
    open_pool, make_request, gate
) -> None:
    async with open_pool(max_running_requests=1) as pool:
        await collect(pool, make_request())  # from now on it is known how long one takes
        gate.is_open.clear()
        names = ("ann", "ann", "bob", "eve", "ann")
        priorities = ("interactive", "interactive", "interactive", "batch", "interactive")
        places = [QueuePlace() for _ in names]
        tasks = [
            asyncio.create_task(
                collect(pool, make_request(fairness_key=name, priority=priority, place=place))
            )
            for name, priority, place in zip(names, priorities, places, strict=True)
        ]
        await until(lambda: pool.status().waiting == len(tasks))
        assert [place.look().position for place in places] == [1, 3, 2, 5, 4]
        assert places[0].look().expected_seconds is None, "nothing runs, so nothing ends"
        gate.free_steps = 1
        gate.is_open.set()
        gate.is_open.clear()
        await until(lambda: pool.status().running == 1)
        waits = [place.look() for place in places]
        assert waits[0] is None
        assert [wait.position for wait in waits[1:]] == [2, 1, 4, 3]
        assert waits[1].expected_seconds == pytest.approx(2 * waits[2].expected_seconds, rel=0.5)
        gate.is_open.set()
        await asyncio.gather(*tasks)
        assert not any(place.look() for place in places)


async def test_a_killed_worker_is_replaced_and_requests_without_text_are_replayed(
    open_pool, make_request, gate
) -> None:
    async with open_pool() as pool:
        gate.is_open.clear()
        tasks = [asyncio.create_task(collect(pool, make_request(f"answer {index}"))) for index in range(16)]
        await until(lambda: pool.status().waiting == 16)
        gate.kills = 1
        gate.is_open.set()
        responses = await asyncio.gather(*tasks)
        assert [text_of(response) for response in responses] == [f"answer {index}" for index in range(16)]
        assert all(is_beginning(response[0]) for response in responses)
        assert all(sum(map(is_beginning, response)) == 1 for response in responses)
        assert pool.status().workers[0].healthy


async def test_requests_that_wait_for_a_new_worker_are_counted(
    open_pool, make_request, gate, may_load
) -> None:
    async with open_pool() as pool:
        gate.is_open.clear()
        tasks = [asyncio.create_task(collect(pool, make_request())) for _ in range(3)]
        await until(lambda: pool.status().waiting == 3)
        may_load.clear()
        gate.kills = 1
        gate.is_open.set()
        await until(lambda: not pool.status().is_ready)
        status = pool.status()
        may_load.set()
        assert [text_of(response) for response in await asyncio.gather(*tasks)] == ["hello"] * 3
        assert (status.running, status.waiting) == (0, 3)


async def test_a_dead_worker_holds_no_blocks(open_pool, make_request, gate, may_load) -> None:
    gate.free_steps = 1
    gate.is_open.clear()
    async with open_pool() as pool:
        task = asyncio.create_task(collect(pool, make_request("<answer")))  # has no text for a while
        await until(lambda: pool.status().workers[0].kv_used > 0)
        may_load.clear()
        gate.kills = 1
        gate.is_open.set()
        await until(lambda: not pool.status().is_ready)
        kv_used = pool.status().workers[0].kv_used
        may_load.set()
        assert text_of(await task) == "<answer"
        assert kv_used == 0


async def test_a_replayed_request_waits_again(open_pool, make_request, gate) -> None:
    gate.free_steps = 1
    async with open_pool(max_waiting_requests=1, before_load=lambda device: gate.is_open.clear()) as pool:
        begun = asyncio.create_task(collect(pool, make_request("<answer")))  # has no text for a while
        await until(lambda: pool.status().running == 1)
        gate.kills = 1
        gate.is_open.set()
        await until(lambda: gate.steps == 3)
        status = pool.status()
        assert (status.running, status.waiting) == (0, 1)
        with pytest.raises(QueueFull):
            await collect(pool, make_request())
        gate.is_open.set()
        response = await begun
        assert text_of(response) == "<answer"
        assert sum(map(is_beginning, response)) == 1


async def test_a_killed_worker_fails_requests_with_text(open_pool, make_request, gate) -> None:
    gate.is_open.clear()
    gate.free_steps = 3
    async with open_pool() as pool:
        response = pool.generate(make_request("a long answer"))
        deltas = [await anext(response), await anext(response)]
        assert text_of(deltas)
        await until(lambda: not gate.free_steps)
        gate.kills = 1
        gate.is_open.set()
        with pytest.raises(GenerationFailed):
            deltas += [delta async for delta in response]
        await until(lambda: pool.status().is_ready)
        assert text_of(await collect(pool, make_request())) == "hello"


async def test_a_request_that_kills_two_workers_fails(open_pool, make_request, gate) -> None:
    async with open_pool() as pool:
        gate.kills = 2
        with pytest.raises(GenerationFailed):
            await collect(pool, make_request())
        await until(lambda: pool.status().is_ready)
        assert gate.kills == 0


async def test_other_workers_take_over_from_a_dead_one(open_pool, make_request, gate, may_load) -> None:
    loads: list[str] = []

    def before_load(device: str) -> None:
        loads.append(device)
        assert may_load.wait(30)

    async with open_pool(("a", "b"), before_load=before_load) as pool:
        may_load.clear()
        gate.kills = 1
        assert text_of(await collect(pool, make_request("still here"))) == "still here"
        assert sorted(worker.healthy for worker in pool.status().workers) == [False, True]
        may_load.set()
        await until(lambda: all(worker.healthy for worker in pool.status().workers))
        assert len(loads) == 3


async def test_a_request_whose_worker_cannot_be_restarted_fails(open_pool, make_request, gate) -> None:
    loads = iter([None, MemoryError, MemoryError])

    def before_load(device: str) -> None:
        if (error := next(loads, None)) is not None:
            raise error

    async with open_pool(before_load=before_load) as pool:
        gate.kills = 1
        with pytest.raises(BackendUnavailable):
            await collect(pool, make_request())
        await until(lambda: pool.status().is_ready)
        assert text_of(await collect(pool, make_request())) == "hello"


async def test_a_deadline_passes_while_no_worker_is_healthy(open_pool, make_request, gate, may_load) -> None:
    async with open_pool() as pool:
        may_load.clear()
        gate.kills = 1
        response = await collect(pool, make_request(deadline=time.monotonic() + 0.05))
        assert [delta.finish_reason for delta in response] == [None, "deadline"]
        assert pool.status().waiting == 0
        may_load.set()


async def test_a_worker_that_does_not_respond_delays_no_response_beyond_its_deadline(
    open_pool, make_request, gate
) -> None:
    gate.free_steps = 2
    gate.is_open.clear()
    async with open_pool(overdue_seconds=0.01) as pool:
        deltas = await collect(pool, make_request("a long answer", deadline=time.monotonic() + 0.5))
        waiting = await collect(pool, make_request(deadline=time.monotonic()))
        assert text_of(deltas)
        assert deltas[-1].finish_reason == "deadline"
        assert deltas[-1].usage == deltas[-2].usage
        assert [delta.finish_reason for delta in waiting] == [None, "deadline"]
        assert (pool.status().running, pool.status().waiting) == (1, 1), "the worker has them"
        gate.is_open.set()
        await until(lambda: pool.status().running + pool.status().waiting == 0)
        assert text_of(await collect(pool, make_request())) == "hello"
        assert pool.status().workers[0].kv_used == 0


async def test_a_caller_may_leave_a_worker_that_does_not_respond(open_pool, make_request, gate) -> None:
    gate.is_open.clear()
    async with open_pool(overdue_seconds=0.01) as pool:
        generating = asyncio.create_task(collect(pool, make_request(deadline=time.monotonic() + 0.5)))
        await gate.wait_entered()
        generating.cancel()
        await asyncio.wait([generating], timeout=30)
        assert generating.cancelled()


async def test_a_worker_that_dies_while_it_is_stopped_is_not_replaced(make_model, make_request, gate) -> None:
    workers: list[ThreadWorker] = []
    is_stopping = asyncio.Event()

    class StoppableWorker(ThreadWorker):
        async def stop(self) -> None:
            is_stopping.set()
            await super().stop()

    def make_engine() -> Engine:
        model = make_model()
        model.decoder.before_forward = gate
        return Engine(model, torch.device("cpu"), EngineConfig(kv_cache_tokens=64))

    def make_worker(name: str, device: str, listener: WorkerListener) -> Worker:
        workers.append(StoppableWorker(name, device, make_engine, listener))
        return workers[-1]

    pool = Pool(("cpu",), make_worker, max_waiting_requests=1, abort_seconds=0.01)
    await pool.start()
    gate.is_open.clear()
    gate.kills = 1
    generating = asyncio.create_task(collect(pool, make_request(max_tokens=8)))
    await gate.wait_entered()
    closing = asyncio.create_task(pool.aclose(0))
    await is_stopping.wait()
    gate.is_open.set()
    await closing
    assert (await generating)[-1].finish_reason == "aborted"
    assert len(workers) == 1


async def test_disconnecting_while_no_worker_is_healthy_frees_everything(
    open_pool, make_request, gate, may_load
) -> None:
    async with open_pool() as pool:
        may_load.clear()
        gate.kills = 1
        generating = asyncio.create_task(collect(pool, make_request()))
        await until(lambda: pool.status().waiting == 1 and not pool.status().is_ready)
        generating.cancel()
        with pytest.raises(asyncio.CancelledError):
            await generating
        assert pool.status().waiting == 0
        may_load.set()
        await until(lambda: pool.status().is_ready)
        assert gate.steps == 1, "an abandoned request was replayed"


async def test_an_abort_at_a_dying_worker_frees_everything(open_pool, make_request, gate) -> None:
    async with open_pool() as pool:
        gate.is_open.clear()
        response = pool.generate(make_request())
        first = asyncio.ensure_future(anext(response))
        await gate.wait_entered()
        gate.kills = 1
        first.cancel()
        gate.is_open.set()
        with pytest.raises(asyncio.CancelledError):
            await first
        await until(lambda: pool.status().is_ready)
        assert gate.steps == 1, "an abandoned request was replayed"
        assert pool.status().waiting + pool.status().running == 0


async def test_a_model_that_cannot_be_loaded_ends_the_start_and_every_thread(open_pool) -> None:
    def before_load(device: str) -> None:
        if device == "b":
            raise InvalidCheckpoint("The model directory is empty.")

    with pytest.raises(InvalidCheckpoint, match="empty"):
        async with open_pool(("a", "b"), before_load=before_load):
            pass


async def test_closing_aborts_running_requests_after_the_drain(open_pool, make_request) -> None:
    async with open_pool() as pool:
        response = pool.generate(make_request("x" * 200, max_tokens=250))
        await anext(response)
        closing = asyncio.create_task(pool.aclose(0))
        deltas = [delta async for delta in response]
        assert deltas[-1].finish_reason == "aborted"
        assert deltas[-1].usage is not None
        await closing
        with pytest.raises(BackendUnavailable):
            await collect(pool, make_request())


async def test_closing_lets_running_requests_finish(open_pool, make_request) -> None:
    async with open_pool() as pool:
        response = pool.generate(make_request("finish me"))
        await anext(response)
        closing = asyncio.create_task(pool.aclose(30))
        assert [delta async for delta in response][-1].finish_reason == "stop"
        await closing


async def test_a_cancelled_start_leaves_no_thread(make_model) -> None:
    may_load = threading.Event()
    is_loading = threading.Event()

    def make_engine(device: str) -> Engine:
        is_loading.set()
        assert may_load.wait(30)
        return Engine(make_model(), torch.device("cpu"), EngineConfig(kv_cache_tokens=64))

    pool = Pool(("cpu",), in_threads(make_engine), max_waiting_requests=1)
    start = asyncio.create_task(pool.start())
    await until(is_loading.is_set)
    start.cancel()
    may_load.set()
    with pytest.raises(asyncio.CancelledError):
        await start
    await pool.aclose(0)


async def test_after_a_thousand_abandoned_requests_everything_is_free(open_pool, make_request) -> None:
    chance = random.Random(0)

    async def ask_and_leave(pool: Pool) -> str:
        request = make_request(
            "".join(chance.choices("abcdef", k=chance.randrange(1, 60))),
            max_tokens=chance.randrange(1, 60),
            fairness_key=chance.choice("xyz"),
            deadline=time.monotonic() + chance.choice([0.001, 0.05, 60]),
        )
        patience = chance.choice([0, 1, 2, 10, 1000])
        response = pool.generate(request)
        try:
            async for delta in response:
                if patience == 0 or delta.finish_reason is not None:
                    return delta.finish_reason or "left"
                patience -= 1
        except QueueFull:
            return "refused"
        finally:
            await response.aclose()
        raise AssertionError("a response ended without a reason")

    async with open_pool(("a", "b"), max_running_requests=8) as pool:
        outcomes = set()
        for _ in range(20):
            tasks = [asyncio.create_task(ask_and_leave(pool)) for _ in range(50)]
            for task in chance.sample(tasks, 10):
                await asyncio.sleep(0)
                task.cancel()
            outcomes |= set(map(str, await asyncio.gather(*tasks, return_exceptions=True)))
        assert outcomes >= {"left", "stop", "length", "deadline", ""}
        assert all((each.running, each.waiting, each.kv_used) == (0, 0, 0) for each in pool.status().workers)
