"""The clients of the quick starts, in processes of their own, through a network that fails."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from app.auth.access_tokens import AccessTokens
from app.auth.token_issuer import NewTokens, TokenIssuer
from app.persistence.tables import UserRow
from testbed.fault_proxy import Cut, FaultProxy
from testbed.servers import MissingServer, free_port

from ...conftest import leave_out
from ..conftest import StartGateway
from ..gateway import ALL_SCOPES, Gateway
from .running import ROOT, Outcome, Plan, run_client

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.servers, pytest.mark.timeout(240)]

REPLY: Final = " ".join(f"word{number} 微信\u2028é😀" for number in range(60))
LIMITS: Final = {"requests_per_minute": 1000, "concurrent_requests": 20}
VISION: Final = {"route": "vision", "prompt": "What?", "file": str(ROOT / "samples" / "screenshot.png")}
SPEECH: Final = {"route": "speech", "file": str(ROOT / "samples" / "voice.m4a")}
CLIENTS: Final = ("python", "javascript", "kotlin")
CONNECTIONS: Final = 12  # that are cut


@pytest.fixture(params=CLIENTS)
def client(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as opened:
        yield opened


async def make_plan(gateway: Gateway, port: int, *requests: dict[str, Any], **more: Any) -> Plan:
    """With a refresh token of `alice`."""
    issuer = TokenIssuer(gateway.services.access_tokens, gateway.services.settings.auth)
    async with gateway.services.database.session() as db_session:
        user = await db_session.get(UserRow, "usr_alice")
        if user is None:
            user = UserRow(id="usr_alice", name="alice")
            db_session.add(user)
            await db_session.flush()
        issued = await issuer.issue(db_session, user, NewTokens(ALL_SCOPES.split(), with_refresh=True))
    assert issued.refresh_token is not None
    return Plan(f"http://127.0.0.1:{port}", issued.refresh_token, list(requests), **more)


def expired_token(gateway: Gateway) -> str:
    services = gateway.services
    past = AccessTokens(
        services.signing_keys,
        services.account_changes,
        services.settings.auth,
        clock=lambda: time.time() - 3600,
    )
    return past.mint("usr_alice", ["chat"], timedelta(minutes=15)).encoded


async def run(client: str, *plans: Plan) -> list[Outcome]:
    try:
        return await run_client(client, *plans)
    except MissingServer as error:
        leave_out(error)


def chat(**fields: Any) -> dict[str, Any]:
    return {"route": "chat", "fields": {"prompt": "hello", **fields}}


async def uncut(gateway: Gateway, request: dict[str, Any]) -> dict[str, str]:
    """The response without a stream."""
    path = f"/{request['route']}"
    if request["route"] == "chat":
        response = await gateway.call("POST", path, json=request["fields"])
    else:
        name = "image" if request["route"] == "vision" else "audio"
        fields = {"prompt": request["prompt"]} if "prompt" in request else {}
        file = await asyncio.to_thread(Path(request["file"]).read_bytes)
        response = await gateway.call("POST", path, data=fields, files={name: file})
    whole = response.json()
    return {
        "text": whole["content"],
        "transcript": whole.get("transcript", ""),
        "finish_reason": whole["finish_reason"],
    }


async def usage(*gateways: Gateway) -> dict[str, int]:
    """Of all of them, which share a database."""
    for gateway in gateways:
        await gateway.until_idle()
        await gateway.services.usage_writer.flush()
    total: dict[str, int] = (await gateways[0].call("GET", "/me/usage")).json()["total"]
    return total


async def metrics(gateway: Gateway) -> str:
    return (await gateway.client.get("/metrics")).text


@pytest.mark.parametrize(
    ("client", "has_redis"),
    [("python", True), ("javascript", False), ("kotlin", True), ("web page", False)],
    indirect=["client"],
)
async def test_whole_responses_arrive_through_a_network_that_fails(
    start_gateway: StartGateway,
    stack: AsyncExitStack,
    request: pytest.FixtureRequest,
    client: str,
    has_redis: bool,
) -> None:
    """Cut at random bytes, once with silence, and once with another gateway in the middle. Without Redis, the
    other gateway has the key of a request, and its response once it is complete.
    """
    settings: dict[str, Any] = {"scripted": {"reply": REPLY, "step_seconds": 0.005}, "limits": LIMITS}
    settings |= {
        "cors_origins": "*",
        "redis_url": request.getfixturevalue("redis_url") if has_redis else None,
    }
    one = await start_gateway(**settings)
    shared = one.services.settings
    keys_dir, database_url = shared.data_dir / "keys", f"sqlite:///{shared.data_dir / 'gateway.db'}"
    other = await start_gateway(**settings, auth={"keys_dir": keys_dir}, database_url=database_url)
    staying, moving = FaultProxy(one.port), FaultProxy(one.port)
    await stack.enter_async_context(staying.serving())
    await stack.enter_async_context(moving.serving())
    draw = random.Random(client)

    def cuts_and_silence() -> Iterator[Cut]:
        for number in range(CONNECTIONS):
            staying.to_client.loses = number in (5, 6)
            yield Cut(draw.randint(1, 3_000), reset=draw.random() < 0.5)

    def cuts_and_another_gateway() -> Iterator[Cut]:
        for number in range(CONNECTIONS):
            moving.to_port = one.port if number < CONNECTIONS // 2 else other.port
            yield Cut(draw.randint(1, 3_000), reset=draw.random() < 0.5)

    requests = [chat(max_tokens=200), chat(max_tokens=201), VISION, SPEECH]
    expected = await asyncio.gather(*(uncut(one, request) for request in requests))
    assert expected[-1]["transcript"].startswith("word0 ")
    cost = await usage(one)
    staying.cuts, moving.cuts = cuts_and_silence(), cuts_and_another_gateway()
    plans = [await make_plan(one, proxy.port, *requests, silence_seconds=1) for proxy in (staying, moving)]
    for outcome in await run(client, *plans):
        assert outcome.results == expected
    assert min(staying.accepted, moving.accepted) > CONNECTIONS
    was_unknown = 'route="/streams/{stream_id}",status_class="4xx"' in await metrics(other)
    assert not (has_redis and was_unknown)
    assert await usage(one, other) == {name: 3 * count for name, count in cost.items()}


async def test_client_keeps_to_what_the_gateway_says(
    start_gateway: StartGateway, stack: AsyncExitStack, client: str
) -> None:
    """It waits for Retry-After and refreshes an expired token once, for three requests of which one may run;
    stops the generation, of a minute, of a response that it leaves; and gives up with a clear error.
    """
    busy = await start_gateway(limits={"requests_per_minute": 1000, "concurrent_requests": 1})
    slow = await start_gateway(scripted={"reply": REPLY, "step_seconds": 0.5}, limits=LIMITS)
    used_up = await start_gateway(limits={"daily_tokens": 30})
    assert (await used_up.call("POST", "/chat", json={"prompt": "a", "max_tokens": 8})).status_code == 200
    refused = await make_plan(used_up, used_up.port, chat(typo=1), chat(max_tokens=25))
    outcomes = await run(
        client,
        await make_plan(busy, busy.port, *[chat()] * 3, access_token=expired_token(busy)),
        await make_plan(slow, slow.port, chat() | {"leave_after": 1}),
        refused,
        replace(refused, refresh_token="rt_" + "A" * 43),
        replace(refused, url=f"http://127.0.0.1:{free_port()}", patience_seconds=1),
    )
    waited, left, *given_up = outcomes
    assert [result["finish_reason"] for result in waited.results] == ["stop"] * 3
    assert len(waited.saved) == 1
    assert left.results[0]["finish_reason"] == ""
    await slow.until_idle()
    assert [[result["error"] for result in outcome.results] for outcome in given_up] == [
        ["invalid_request", "daily_tokens_exceeded"],
        ["invalid_grant", "invalid_grant"],
        ["connection_lost", "connection_lost"],
    ]
    once = (
        'gateway_refusals_total{code="daily_tokens_exceeded"} 1.0'  # since it could not run before tomorrow
    )
    assert once in await metrics(used_up)
