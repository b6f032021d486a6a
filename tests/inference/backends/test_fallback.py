"""Which backend serves a request when the preferred one cannot."""

from collections.abc import AsyncIterator

import pytest

from inference.backends.fallback import FallbackBackend
from inference.backends.remote.backend import RemoteBackend
from inference.backends.scripted import ScriptedBackend
from inference.config import RemoteConfig, RemoteEndpoint, ScriptedConfig
from inference.errors import BackendUnavailable, EngineFailed, PromptTooLong, QueueFull

from .remote.engine_server import engine_server, response, sends, whole

pytestmark = pytest.mark.anyio


@pytest.fixture
async def both() -> AsyncIterator[tuple[FallbackBackend, ScriptedBackend, ScriptedBackend]]:
    """The first one has one place and no queue."""
    first = ScriptedBackend(ScriptedConfig("from the first", max_concurrency=1, max_waiting=0))
    second = ScriptedBackend(ScriptedConfig("from the second", max_concurrency=1, max_waiting=0))
    backend = FallbackBackend({"in_process": first, "remote": second})
    await backend.start()
    yield backend, first, second
    await backend.aclose(0)


async def collect(backend: FallbackBackend, request) -> tuple[str, str]:
    deltas = [delta async for delta in backend.generate(request)]
    return deltas[0].backend, "".join(delta.text for delta in deltas)


async def test_the_first_serves_while_it_has_a_place(both, make_request) -> None:
    backend, _, _ = both
    assert await collect(backend, make_request()) == ("in_process", "from the first")


async def test_the_second_serves_when_the_queue_of_the_first_is_full(both, make_request) -> None:
    backend, first, second = both
    running = backend.generate(make_request())
    assert (await anext(running)).backend == "in_process"
    assert await collect(backend, make_request()) == ("remote", "from the second")
    also_running = backend.generate(make_request())
    await anext(also_running)
    assert (first.status().running, second.status().running, backend.status().running) == (1, 1, 2)
    with pytest.raises(QueueFull):
        await anext(backend.generate(make_request()))
    await running.aclose()
    await also_running.aclose()
    assert backend.status().running == 0


async def test_the_second_serves_while_the_first_is_down(both, make_request) -> None:
    backend, first, second = both
    await first.aclose(0)
    assert backend.status().is_ready
    assert await collect(backend, make_request()) == ("remote", "from the second")
    await second.aclose(0)
    assert not backend.status().is_ready
    with pytest.raises(BackendUnavailable):
        await collect(backend, make_request())


async def test_the_second_serves_what_every_engine_of_the_first_fails_at(make_request) -> None:
    second = ScriptedBackend(ScriptedConfig("from the second"))
    async with engine_server(sends(response(401, {}))) as engine:
        first = RemoteBackend(RemoteConfig((RemoteEndpoint(engine.url),)))
        backend = FallbackBackend({"remote": first, "in_process": second})
        await backend.start()
        assert await collect(backend, make_request()) == ("in_process", "from the second")
        await second.aclose(0)
        with pytest.raises(EngineFailed):
            await collect(backend, make_request())
        await backend.aclose(0)


async def test_workers_of_both_have_different_names(make_request) -> None:
    async with engine_server(whole) as engine:
        first = RemoteBackend(RemoteConfig((RemoteEndpoint(engine.url),)))
        backend = FallbackBackend({"remote": first, "in_process": ScriptedBackend(ScriptedConfig())})
        await backend.start()
        assert [each.worker for each in backend.status().workers] == ["remote-0", "in_process-0"]
        deltas = [delta async for delta in backend.generate(make_request())]
        assert (deltas[0].backend, deltas[0].worker) == ("remote", "remote-0")
        await backend.aclose(0)


def test_the_model_is_that_of_the_first_that_knows_it() -> None:
    local = ScriptedBackend(ScriptedConfig(model_name="local"))
    remote = RemoteBackend(RemoteConfig((RemoteEndpoint("http://127.0.0.1:9"),)))
    cards = [
        FallbackBackend(dict(zip("ab", order, strict=True))).model_card
        for order in ((local, remote), (remote, local))
    ]
    assert [(card.name, card.is_known) for card in cards] == [("local", True), ("local", False)]


async def test_what_the_first_refuses_is_not_tried_elsewhere(both, make_request) -> None:
    backend, _, second = both
    running = second.generate(make_request())
    await anext(running)
    with pytest.raises(PromptTooLong):
        await collect(backend, make_request(max_tokens=1_000_000))
    await running.aclose()


async def test_a_refusal_of_the_second_leaves_the_error_of_the_first(both, make_request) -> None:
    backend, first, _ = both
    running = first.generate(make_request())
    await anext(running)
    with pytest.raises(QueueFull):
        await collect(backend, make_request(max_tokens=1_000_000))
    await running.aclose()


async def test_closing_the_stream_frees_the_place_of_the_second(both, make_request) -> None:
    backend, first, second = both
    await first.aclose(0)
    stream = backend.generate(make_request())
    await anext(stream)
    assert second.status().running == 1
    await stream.aclose()
    assert second.status().running == 0


async def test_the_context_is_the_shortest(both) -> None:
    backend, first, _ = both
    assert backend.model_card == first.model_card
