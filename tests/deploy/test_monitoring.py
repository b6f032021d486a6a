"""What dashboards and alerts ask is there: a real Prometheus with the shipped rules reads a live gateway."""

import asyncio
import re
import signal
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import httpx
import pytest
import yaml

from testbed.servers import free_port, server_directory, spawn, stop_process, wait_a_little

from ..app.conftest import StartGateway, empty_database, start_gateway
from ..app.gateway import Gateway
from .conftest import DEPLOY, FindProgram
from .queries import RULES, adapter_queries, dashboard_queries, read_rules, rule_queries

__all__ = ["empty_database", "start_gateway"]

pytestmark = [pytest.mark.anyio, pytest.mark.servers]

SECONDS = 60
PAUSE_SECONDS = 0.1  # between two rounds of requests and questions
INTERVAL = "200ms"
NAMES = (r"^(\w+)[{ ]", r"^# TYPE (\w+) ")  # with a value, or declared while there is none
PROMETHEUS_OWN = {"ALERTS", "up"}
# Nothing is wrong, and there is no accelerator.
ABSENT = {
    "ALERTS",
    *("gateway_device_memory_used_bytes", "gateway_device_memory_bytes", "gateway_device_utilization_ratio"),
}


@pytest.fixture
async def gateway(start_gateway: StartGateway) -> Gateway:
    return await start_gateway(
        scripted={"step_seconds": 0.01},
        metrics_users=10,
        limits={"requests_per_minute": 10_000, "concurrent_requests": 100},
    )


@pytest.fixture
async def prometheus(program: FindProgram, gateway: Gateway) -> AsyncIterator[httpx.AsyncClient]:
    """One that has the shipped configuration, but looks more often and at this gateway."""
    config = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())
    config["global"] = {
        "scrape_interval": INTERVAL,
        "scrape_timeout": INTERVAL,
        "evaluation_interval": INTERVAL,
    }
    config["rule_files"] = [str(path) for path in RULES]
    (job,) = [job for job in config["scrape_configs"] if job["job_name"] == "gateway"]
    del job["dns_sd_configs"]
    job["static_configs"] = [{"targets": [f"127.0.0.1:{gateway.port}"]}]
    config["scrape_configs"] = [job]
    with server_directory() as directory:
        (directory / "prometheus.yml").write_text(yaml.safe_dump(config))
        port, log = free_port(), directory / "log"
        command = [program("prometheus", "prometheus"), f"--config.file={directory / 'prometheus.yml'}"]
        command += [f"--web.listen-address=127.0.0.1:{port}", f"--storage.tsdb.path={directory / 'data'}"]
        process = spawn(command, log, signal.SIGKILL)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", verify=False) as client:
            try:
                while not await is_ready(client):
                    await asyncio.to_thread(wait_a_little, process, log)
                yield client
            finally:
                stop_process(process, signal.SIGKILL)


async def is_ready(client: httpx.AsyncClient) -> bool:
    try:
        return (await client.get("/-/ready")).status_code == 200
    except httpx.TransportError:
        return False


async def ask(prometheus: httpx.AsyncClient, text: str) -> list[Any]:
    """The series that the query finds."""
    document = (await prometheus.get("/api/v1/query", params={"query": text})).json()
    assert document["status"] == "success", (text, document)
    found: list[Any] = document["data"]["result"]
    return found


async def serve_requests(gateway: Gateway) -> None:
    """One of each end that a dashboard shows: served, refused, and left by its client."""
    body = {"prompt": "hello", "max_tokens": 8}
    for sent, status in ((body, 200), ({}, 422)):
        response = await gateway.call("POST", "/chat", json=sent)
        assert response.status_code == status
    headers = await gateway.headers("bob")
    async with gateway.client.stream("POST", "/chat", headers=headers, json=body | {"stream": True}):
        pass
    await gateway.until_idle()


async def test_every_name_in_dashboards_and_rules_is_in_a_live_scrape(gateway: Gateway) -> None:
    await serve_requests(gateway)
    text = (await gateway.client.get("/metrics")).text
    live = {name for pattern in NAMES for name in re.findall(pattern, text, re.MULTILINE)}
    recorded = {rule["record"] for rule in read_rules() if "record" in rule}
    for query in dashboard_queries() + rule_queries() + adapter_queries():
        assert query.names - recorded - PROMETHEUS_OWN <= live, query.where


async def test_every_panel_shows_something_of_a_gateway_that_serves(
    gateway: Gateway, prometheus: httpx.AsyncClient
) -> None:
    missing = [query for query in dashboard_queries() if not query.names <= ABSENT]
    with suppress(TimeoutError):
        async with asyncio.timeout(SECONDS):
            while missing:
                await serve_requests(gateway)  # again and again: what has only one value yet has no rate
                await asyncio.sleep(PAUSE_SECONDS)
                missing = [query for query in missing if not await ask(prometheus, query.text)]
    assert not missing
    groups = (await prometheus.get("/api/v1/rules")).json()["data"]["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert len(rules) == len(read_rules())
    assert {rule["health"] for rule in rules} == {"ok"}
