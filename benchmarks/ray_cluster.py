"""A Ray cluster of the embedded model on this machine: `python -m benchmarks.ray_cluster` (some minutes).

What a hop through Ray Serve costs beside the same engine in the gateway's process; what a node that dies
costs under constant load, and how long its replacement takes; how soon a node that joins serves, and what
share of the requests it takes; the memory of a node. All processes share this machine's cores, so tokens a
second would say nothing of machines. `scripts/install-test-clients ray` installs Ray.
"""

import argparse
import asyncio
import json
import statistics
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, contextmanager
from typing import Any

import httpx

from testbed.chat_streams import ChatStream, ChatStreams, body_of
from testbed.figures import print_figures
from testbed.gateways import started_gateway
from testbed.hardware import hardware_and_versions
from testbed.ray_cluster import Look, RayCluster, RayNode, ray_cluster

RUNNING = 2  # requests that a replica runs at once
CPUS = 2  # of a node, one for each replica
CONNECTIONS = 6  # more than two replicas run at once
SAMPLES = 40  # of the requests of each replica
SAMPLE_SECONDS = 0.25
TOKENS = 48  # of a response under load
ENGINE = {"GATEWAY_ENGINE__MAX_RUNNING_REQUESTS": str(RUNNING), "GATEWAY_DEVICES": "cpu"}
HERE = {"GATEWAY_BACKEND": "in_process", **ENGINE}
SCALING = ("--replicas", "2:3", "--upscale-seconds", "1", "--look-back-seconds", "11")

Figures = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=30, help="without load, to each gateway")
    arguments = parser.parse_args()
    figures = asyncio.run(measure(arguments))
    print_figures("A Ray cluster of the embedded model", figures)
    print(json.dumps(figures | vars(arguments) | {"hardware": hardware_and_versions("torch")}))


async def measure(arguments: argparse.Namespace) -> Figures:
    figures: Figures = {}
    with ray_cluster() as cluster:
        with timed(figures, "first_node_starts"):
            first = cluster.start_node(CPUS)
        with timed(figures, "second_node_joins"):
            doomed = cluster.start_node(CPUS)
        with timed(figures, "deployment_serves"):
            cluster.deploy(*SCALING, **ENGINE)
        with cluster.look() as look:
            placed = look.wait_for(nodes=2, replicas=2)
            async with gateway(**HERE) as here, gateway(**cluster.gateway_settings()) as there:
                figures |= await beside_the_engine(here, there, arguments.requests)
                figures["node_with_a_replica_megabytes"] = doomed.memory_bytes() >> 20
                figures["first_node_with_a_replica_megabytes"] = first.memory_bytes() >> 20
                figures |= await under_load(cluster, look, there, doomed, set(placed["nodes"]))
    return figures


@asynccontextmanager
async def gateway(**settings: str) -> AsyncIterator[httpx.AsyncClient]:
    with ExitStack() as stack:
        started = stack.enter_context(started_gateway("chat", None, **settings))
        headers = {"Authorization": f"Bearer {started.token}"}
        url = f"http://127.0.0.1:{started.port}"
        async with httpx.AsyncClient(base_url=url, headers=headers, timeout=120, verify=False) as client:
            yield client


async def beside_the_engine(here: httpx.AsyncClient, there: httpx.AsyncClient, requests: int) -> Figures:
    """In turns, one request at a time: times to the first token, and between tokens."""
    times: dict[str, list[tuple[float, float]]] = {"in_process": [], "cluster": []}
    for number in range(requests + 4):
        for name, client in (("in_process", here), ("cluster", there)):
            measured = await one(client, f"Count to {number}.")
            if number >= 4:
                times[name].append(measured)
    figures: Figures = {}
    for name, found in times.items():
        first, between = (statistics.median(each) * 1000 for each in zip(*found, strict=True))
        figures[f"ttft_{name}_ms"] = round(first, 1)
        figures[f"between_tokens_{name}_ms"] = round(between, 2)
    figures["ttft_added_by_cluster_ms"] = round(figures["ttft_cluster_ms"] - figures["ttft_in_process_ms"], 1)
    return figures


async def one(client: httpx.AsyncClient, prompt: str) -> tuple[float, float]:
    async with ChatStreams(client) as streams:
        started = time.monotonic()
        (stream,) = streams.open(body_of(prompt, 24))
        await streams.until(lambda: stream.has_begun or stream.task.done())
        first = time.monotonic()
        await streams.end([stream])
        assert stream.is_whole, stream.outcome
        return first - started, (time.monotonic() - first) / 23


async def under_load(
    cluster: RayCluster, look: Look, client: httpx.AsyncClient, doomed: RayNode, old: set[str]
) -> Figures:
    async with ChatStreams(client) as streams:
        load = asyncio.create_task(constant_load(streams, body_of("Tell me a story.", TOKENS)))
        await streams.until(lambda: len(ended(streams)) >= 4 * CONNECTIONS)
        figures = await while_a_node_dies(look, streams, doomed)
        figures |= await while_a_node_joins(cluster, look, old)
        load.cancel()
        failed = [each for each in ended(streams) if not each.is_whole]
        figures["responses_under_load"] = len(ended(streams)) - len(failed)
        figures["failed_in_all"] = len(failed)
    return figures


async def while_a_node_dies(look: Look, streams: ChatStreams, doomed: RayNode) -> Figures:
    """Until there are two replicas again. Requests are lost if they fail without having begun to stream."""
    figures: Figures = {}
    open_ones = [each for each in streams.all if not each.task.done()]
    begun = [each for each in open_ones if each.has_begun]
    killed_at = time.monotonic()
    await asyncio.to_thread(doomed.kill)
    whole = sum(each.is_whole for each in streams.all)
    await streams.until(lambda: sum(each.is_whole for each in streams.all) > whole)
    figures["after_kill_next_whole_response_seconds"] = round(time.monotonic() - killed_at, 2)
    await asyncio.to_thread(look.wait_for, nodes=1, replicas=2)
    figures["after_kill_two_replicas_seconds"] = round(time.monotonic() - killed_at, 1)
    await streams.end(open_ones)
    cut = [each for each in ended(streams) if each.has_begun and not each.is_whole]
    lost = [each for each in ended(streams) if not each.has_begun and not each.is_whole]
    figures["streams_when_killed"] = len(begun)
    figures["streams_cut"] = len(cut)
    figures["streams_cut_with_one_error"] = sum(len(each.errors) == 1 and not each.lost for each in cut)
    figures["codes"] = dict(Counter(error["code"] for each in cut for error in each.errors))
    figures["requests_without_an_event_when_killed"] = len(open_ones) - len(begun)
    figures["requests_lost"] = len(lost)
    return figures


async def while_a_node_joins(cluster: RayCluster, look: Look, old: set[str]) -> Figures:
    figures: Figures = {}
    started_at = time.monotonic()
    await asyncio.to_thread(cluster.start_node, CPUS)
    figures["third_node_joins_seconds"] = round(time.monotonic() - started_at, 1)
    grown = await asyncio.to_thread(look.wait_for, nodes=2, replicas=3)
    figures["third_node_has_a_replica_seconds"] = round(time.monotonic() - started_at, 1)
    new = [replica for replica, node in grown["replicas"].items() if node not in old]
    figures["replicas_on_third_node"] = len(new)
    counts: Counter[str] = Counter()
    for _ in range(SAMPLES):
        counts.update(await asyncio.to_thread(look.requests))
        await asyncio.sleep(SAMPLE_SECONDS)
    figures["third_nodes_share_of_requests"] = round(sum(counts[each] for each in new) / counts.total(), 2)
    return figures


async def constant_load(streams: ChatStreams, body: Mapping[str, Any]) -> None:
    """A stream that has ended is followed by another one."""
    while True:
        streams.open(body, CONNECTIONS - sum(not each.task.done() for each in streams.all))
        await streams.until(lambda: sum(not each.task.done() for each in streams.all) < CONNECTIONS, None)


def ended(streams: ChatStreams) -> list[ChatStream]:
    return [each for each in streams.all if each.task.done() and not each.task.cancelled()]


@contextmanager
def timed(figures: Figures, name: str) -> Iterator[None]:
    started = time.monotonic()
    yield
    figures[f"{name}_seconds"] = round(time.monotonic() - started, 1)


if __name__ == "__main__":
    main()
