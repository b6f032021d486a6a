"""Engines that fail requests and still serve, as where one of several machines behind one address dies."""

import asyncio
import time

import pytest

from inference.backends.remote.backend import RemoteBackend
from inference.backends.remote.endpoint import FAILURES_IN_A_ROW, Endpoint
from inference.backends.remote.health import CHECK_SECONDS
from inference.backends.remote.rechecks import Rechecks
from inference.config import RemoteEndpoint
from inference.errors import BackendUnavailable, EngineFailed, GenerationFailed

from .conftest import collect, text_of
from .engine_server import (
    STREAM_HEAD,
    Behaviour,
    EngineServer,
    Exchange,
    cut_before_the_head,
    hang,
    response,
    sends,
    text_event,
    whole,
)

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(30)]

NO_OTHER_CHECKS = {"health_seconds": 3600.0}


def checks_of(engine: EngineServer) -> int:
    """Since the start, which checks each engine once."""
    paths = [engine.checks.get_nowait() for _ in range(engine.checks.qsize())]
    for path in paths:
        engine.checks.put_nowait(path)
    return paths.count("/health") - 1


async def lose(engine: EngineServer, count: int, then: Behaviour) -> None:
    """Ends the connections of the first requests when they have arrived. Others get what `then` sends."""
    await engine.until_asked(count)
    engine.behave = then
    for exchange in engine.exchanges[:count]:
        exchange.cut()


async def begin_in_chunks(exchange: Exchange) -> None:
    """As most engines do. A connection that is cut then is an error, and not the end of the body."""
    event = text_event("hello")
    head = STREAM_HEAD.replace(b"Connection: close", b"Transfer-Encoding: chunked")
    await exchange.send(head + b"%x\r\n%b\r\n" % (len(event), event))
    await exchange.is_left.wait()


async def until_down(backend: RemoteBackend) -> None:
    while backend.status().is_ready:  # noqa: ASYNC110 - no event
        await asyncio.sleep(0)


async def test_requests_that_are_lost_together_run_again_after_one_check(start, make_request) -> None:
    """More failures in a row than an engine may have, and not one request fails."""
    backend, (engine,) = await start(hang, **NO_OTHER_CHECKS)
    requests = [asyncio.create_task(collect(backend, make_request())) for _ in range(20)]
    await lose(engine, 20, whole)
    assert [text_of(deltas) for deltas in await asyncio.gather(*requests)] == ["hello there"] * 20
    assert len(engine.exchanges) == 40
    assert checks_of(engine) == 1
    assert backend.status().is_ready
    assert backend.status().running == backend.status().waiting == 0


async def test_requests_that_are_lost_later_run_again_too(start, make_request) -> None:
    """They began before the check: the engine does not fail again because of them."""
    backend, (engine,) = await start(hang, **NO_OTHER_CHECKS)
    requests = [asyncio.create_task(collect(backend, make_request())) for _ in range(12)]
    await engine.until_asked(12)
    await lose(engine, 3, hang)
    await engine.until_asked(15)  # the three have been sent again, and wait
    engine.behave = whole
    for exchange in engine.exchanges[3:]:
        exchange.cut()
    assert [text_of(deltas) for deltas in await asyncio.gather(*requests)] == ["hello there"] * 12
    assert checks_of(engine) == 1


async def test_streams_that_are_cut_leave_the_address_to_other_requests(start, make_request) -> None:
    backend, (engine,) = await start(begin_in_chunks, **NO_OTHER_CHECKS)
    cut = [asyncio.create_task(collect(backend, make_request())) for _ in range(4)]
    while backend.status().running < 4:  # noqa: ASYNC110 - no event
        await asyncio.sleep(0)
    engine.may_check.clear()
    await lose(engine, 4, whole)
    errors = await asyncio.gather(*cut, return_exceptions=True)
    assert [type(error) for error in errors] == [GenerationFailed] * 4
    other = asyncio.create_task(collect(backend, make_request()))
    await asyncio.sleep(0)
    assert not other.done(), "it waits for the check"
    engine.may_check.set()
    assert text_of(await other) == "hello there"
    assert checks_of(engine) == 1


@pytest.mark.parametrize(
    ("behave", "error"),
    [(cut_before_the_head, BackendUnavailable), (sends(response(500, {})), EngineFailed)],
)
async def test_an_engine_that_is_well_but_serves_nothing_is_left_alone(
    start, make_request, behave, error
) -> None:
    backend, (engine,) = await start(behave, **NO_OTHER_CHECKS)
    failures = []
    while backend.status().is_ready and len(failures) <= 2 * FAILURES_IN_A_ROW:
        with pytest.raises((BackendUnavailable, GenerationFailed)) as caught:
            await collect(backend, make_request())
        failures.append(caught.type)
    assert not backend.status().is_ready
    assert set(failures) == {error}
    assert len(engine.exchanges) <= 2 * FAILURES_IN_A_ROW + 1
    assert checks_of(engine) == 1
    asked = len(engine.exchanges)
    with pytest.raises(BackendUnavailable):
        await collect(backend, make_request())
    assert (len(engine.exchanges), checks_of(engine)) == (asked, 1)


async def test_an_engine_whose_check_fails_is_left_alone(start, make_request) -> None:
    backend, (engine,) = await start(hang, **NO_OTHER_CHECKS)
    requests = [asyncio.create_task(collect(backend, make_request())) for _ in range(5)]
    engine.health = 503
    await lose(engine, 5, cut_before_the_head)
    errors = await asyncio.gather(*requests, return_exceptions=True)
    assert [type(error) for error in errors] == [BackendUnavailable] * 5
    assert {error.retry_after_seconds for error in errors} == {1}
    assert len(engine.exchanges) <= 5 + 2, "only the first two are sent again"
    assert checks_of(engine) == 1


async def test_a_deadline_ends_the_wait_for_a_check(start, make_request) -> None:
    backend, (engine,) = await start(hang, **NO_OTHER_CHECKS)
    engine.may_check.clear()
    deadline = time.monotonic() + 0.3
    requests = [asyncio.create_task(collect(backend, make_request(deadline=deadline))) for _ in range(3)]
    await lose(engine, 3, cut_before_the_head)
    for deltas in await asyncio.gather(*requests):
        assert (text_of(deltas), deltas[-1].finish_reason) == ("", "deadline")
    assert checks_of(engine) == 1
    assert backend.status().running == backend.status().waiting == 0


async def test_closing_the_backend_ends_the_wait_for_a_check(start, make_request) -> None:
    backend, (engine,) = await start(hang, **NO_OTHER_CHECKS)
    engine.may_check.clear()
    requests = [asyncio.create_task(collect(backend, make_request())) for _ in range(3)]
    await lose(engine, 3, cut_before_the_head)
    await until_down(backend)
    await backend.aclose(0)
    for deltas in await asyncio.gather(*requests):
        assert (text_of(deltas), deltas[-1].finish_reason) == ("", "aborted")
    assert checks_of(engine) == 1


async def test_a_client_that_leaves_does_not_end_the_check_of_others(start, make_request) -> None:
    backend, (engine,) = await start(hang, **NO_OTHER_CHECKS)
    engine.may_check.clear()
    requests = [asyncio.create_task(collect(backend, make_request())) for _ in range(6)]
    await lose(engine, 6, whole)
    await until_down(backend)
    leavers, others = requests[::2], requests[1::2]
    for task in leavers:
        task.cancel()
    await asyncio.gather(*leavers, return_exceptions=True)
    assert all(task.cancelled() for task in leavers)
    engine.may_check.set()
    assert [text_of(deltas) for deltas in await asyncio.gather(*others)] == ["hello there"] * 3
    assert checks_of(engine) == 1


async def test_the_first_engine_that_serves_gets_the_requests(start, make_request) -> None:
    """They do not wait for the check of the other one, which has no response."""
    backend, engines = await start(hang, hang, **NO_OTHER_CHECKS)
    deadline = time.monotonic() + CHECK_SECONDS - 0.5
    requests = [asyncio.create_task(collect(backend, make_request(deadline=deadline))) for _ in range(12)]
    for engine in engines:
        await engine.until_asked(6)
    engines[0].may_check.clear()
    for engine in engines:
        await lose(engine, 6, cut_before_the_head if engine is engines[0] else whole)
    assert [text_of(deltas) for deltas in await asyncio.gather(*requests)] == ["hello there"] * 12


async def test_an_engine_has_one_check_at_a_time_and_none_after_the_end() -> None:
    may_end, checked = asyncio.Event(), []

    async def check(endpoint: Endpoint) -> None:
        checked.append(endpoint.name)
        await may_end.wait()

    rechecks = Rechecks(check)
    endpoint = Endpoint("0", RemoteEndpoint("http://engine"))
    rechecks.begin(endpoint)
    rechecks.begin(endpoint)
    may_end.set()
    await rechecks.wait()
    assert (checked, rechecks.are_running) == (["0"], False)
    assert (endpoint.is_healthy, endpoint.trials) == (True, 1)
    may_end.clear()
    rechecks.begin(endpoint)
    await rechecks.aclose()
    rechecks.begin(endpoint)
    assert not rechecks.are_running
    await rechecks.wait()


async def test_an_engine_that_refuses_the_key_is_left_alone(start, make_request) -> None:
    """Its health needs no key: it would get three requests after each check."""
    backend, (engine,) = await start(sends(response(403, {})), **NO_OTHER_CHECKS)
    for _ in range(FAILURES_IN_A_ROW):
        with pytest.raises(EngineFailed, match="as if its `key` were wrong"):
            await collect(backend, make_request())
    while checks_of(engine) == 0 or backend.engines._rechecks.are_running:  # noqa: ASYNC110 - no event
        await asyncio.sleep(0)
    assert not backend.status().is_ready
    with pytest.raises(BackendUnavailable):
        await collect(backend, make_request())
    assert len(engine.exchanges) == FAILURES_IN_A_ROW + 1, "and one check"
