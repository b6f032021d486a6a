"""What the operator is told about engines."""

import asyncio

import pytest

from inference.backends.remote.examination import examine_engines
from inference.config import RemoteConfig, RemoteEndpoint

from .conftest import SECRET
from .engine_server import engine_server, response, sends, whole

pytestmark = pytest.mark.anyio


async def test_engines_are_named_with_their_models() -> None:
    async with engine_server(whole) as one, engine_server(whole) as other:
        other.models = (200, {"data": [{"id": "a"}, {"id": "b"}]})
        config = RemoteConfig((RemoteEndpoint(one.url), RemoteEndpoint(other.url)))
        first, second = await examine_engines(config)
    assert (first.url, first.fault, first.model) == (one.url, None, "serves canned")
    assert second.fault is None
    assert second.model == "serves a, the first of its 2 models; `model` chooses another one"
    assert one.exchanges[0].body["max_tokens"] == 1


async def test_a_model_that_the_engine_does_not_list_is_found() -> None:
    async with engine_server(whole) as engine:
        endpoints = (RemoteEndpoint(engine.url, model="wrong"), RemoteEndpoint(engine.url, model="canned"))
        wrong, right = await examine_engines(RemoteConfig(endpoints))
    assert (wrong.fault, wrong.doubt) == (None, "it does not list the model wrong, but canned")
    assert (right.fault, right.doubt) == (None, None)


async def test_a_model_that_the_engine_neither_lists_nor_serves_is_a_fault() -> None:
    async with engine_server(sends(response(404, {}))) as engine:
        (found,) = await examine_engines(RemoteConfig((RemoteEndpoint(engine.url, model="wrong"),)))
    assert found.fault is not None
    assert found.fault.startswith(
        "it does not list the model wrong, but canned; a request for one token fails"
    )


async def test_a_transcriber_that_does_not_list_its_model_is_not_sent_a_recording() -> None:
    async with engine_server() as engine:
        transcribers = (RemoteEndpoint(engine.url, model="wrong"),)
        (found,) = await examine_engines(RemoteConfig((), transcribers=transcribers))
    assert found.fault == "it does not list the model wrong, but canned"
    assert engine.exchanges == []


async def test_why_an_engine_cannot_be_reached_is_found() -> None:
    async def disconnect(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(disconnect, "127.0.0.1", 0)
    closing = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    faults = {
        "http://127.0.0.1:9": "it cannot be reached: nothing listens there",
        "http://engine.invalid": "it cannot be reached: there is no host with that name",
        f"http://{closing}": "it cannot be reached: it closed the connection",
    }
    async with server:
        found = await examine_engines(RemoteConfig(tuple(map(RemoteEndpoint, faults))))
    assert {each.url: each.fault for each in found} == faults


@pytest.mark.parametrize(
    ("status", "hint"),
    [(401, "as if its `key` were wrong"), (404, "as if its `model` or its address were wrong")],
)
async def test_what_only_a_request_shows_is_found(status: int, hint: str) -> None:
    async with engine_server(sends(response(status, {"error": {"message": SECRET}}))) as engine:
        (finding,) = await examine_engines(RemoteConfig((RemoteEndpoint(engine.url, f"key-{SECRET}"),)))
    assert finding.fault is not None
    assert hint in finding.fault
    assert SECRET not in repr(finding)
