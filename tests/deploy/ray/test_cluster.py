"""Two real nodes of Ray with the embedded model, behind a gateway: load, a node that dies, one that joins.

Only where `scripts/install-test-clients ray` has installed Ray.
"""

import asyncio
import re
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import httpx
import pytest

from testbed.chat_streams import ChatStream, ChatStreams, body_of
from testbed.gateways import started_gateway
from testbed.ray_cluster import RayCluster, ray_cluster
from testbed.servers import MissingServer

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.timeout(600)]

PLACES = 2  # requests that a replica runs at once
CPUS = 2  # of a node, one for each replica
PATIENT = {"GATEWAY_REQUEST_TIMEOUT_SECONDS": "300"}  # on a busy machine a replica may need a minute to start
ENGINE = {"GATEWAY_ENGINE__MAX_RUNNING_REQUESTS": str(PLACES), "GATEWAY_DEVICES": "cpu", **PATIENT}
SCALING = ("--replicas", "2:3", "--upscale-seconds", "1", "--look-back-seconds", "11")
LONG = body_of("Tell me a story.", 3500)  # until its client leaves, or its node dies
SHORT = body_of("hello", 8)
ENOUGH = 10  # streams, of which each replica probably gets as many as it can run
WAVES, WAVE_SECONDS = 9, 10.0


@pytest.fixture
def cluster() -> Iterator[RayCluster]:
    with ExitStack() as stack:
        try:
            made = stack.enter_context(ray_cluster())
        except MissingServer as error:
            pytest.skip(str(error))
        yield made


async def waiting_requests(client: httpx.AsyncClient) -> float:
    """Of the gateway: sent to an engine, and without an event yet."""
    text = (await client.get("/metrics")).text
    return sum(map(float, re.findall(r"^gateway_requests_waiting{.*} (\S+)$", text, re.MULTILINE)))


async def fill(streams: ChatStreams, replicas: int) -> list[ChatStream]:
    """Opens streams until all places of so many replicas run one. Those that wait for a place are left."""
    opened: list[ChatStream] = []
    places = PLACES * replicas
    for _ in range(WAVES):
        opened += streams.open(LONG, ENOUGH)
        with suppress(TimeoutError):
            await streams.until(lambda: streams.running == places, WAVE_SECONDS)
            break
    assert streams.running == places
    await streams.leave([each for each in opened if not each.has_begun])
    return [each for each in opened if each.has_begun]


async def test_a_dead_node_costs_its_streams_and_nothing_else(cluster: RayCluster) -> None:
    """In one test: a cluster takes half a minute to start."""
    cluster.start_node(CPUS)
    doomed = cluster.start_node(CPUS)
    cluster.deploy(*SCALING, **ENGINE)
    with cluster.look() as look, ExitStack() as stack:
        placed = look.wait_for(nodes=2, replicas=2)
        assert sorted(placed["replicas"].values()) == placed["nodes"], "one replica on each node"
        gateway = stack.enter_context(started_gateway("chat", None, **cluster.gateway_settings(), **PATIENT))
        headers = {"Authorization": f"Bearer {gateway.token}"}
        async with (
            httpx.AsyncClient(
                base_url=f"http://127.0.0.1:{gateway.port}", headers=headers, timeout=120, verify=False
            ) as client,
            ChatStreams(client) as streams,
        ):
            # Load: each replica runs what it can; further requests wait in its queue.
            (first,) = streams.open(SHORT)
            await streams.end([first])
            assert first.is_whole
            assert first.text
            running = await fill(streams, replicas=2)
            waiting = streams.open(SHORT, 2 * PLACES)
            while await waiting_requests(client) < len(waiting):  # noqa: ASYNC110 - the gateway tells nobody
                await asyncio.sleep(0)

            # A node dies: streams of its replica, and those through its proxy, end with one error each.
            await asyncio.to_thread(doomed.kill)
            await streams.until(lambda: streams.running <= PLACES)
            # Requests without an event run elsewhere, once clients that leave have made room for them.
            await streams.leave([each for each in running if each.runs])
            await streams.end(waiting)
            assert [each.outcome for each in waiting] == [first.outcome] * len(waiting)
            cut = [each for each in running if not each.task.cancelled()]
            assert len(cut) >= PLACES
            for each in cut:
                assert [error["code"] for error in each.errors] == ["generation_failed"]
                assert not each.lost

            # Capacity comes back by itself.
            await asyncio.to_thread(look.wait_for, nodes=1, replicas=2)
            await streams.leave(await fill(streams, replicas=2))

            # Another node joins; when the queue is long, it gets a replica, which takes load.
            await asyncio.to_thread(cluster.start_node, CPUS)
            streams.open(LONG, ENOUGH)
            grown = await asyncio.to_thread(look.wait_for, nodes=2, replicas=3)
            (new,) = set(grown["nodes"]) - set(placed["nodes"])
            assert list(grown["replicas"].values()).count(new) == 1
            await fill(streams, replicas=3)
            assert not any(
                each.errors or each.lost or each.refusal for each in streams.all if each not in cut
            )
