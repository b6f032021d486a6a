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
CONNECTIONS: Final = 16  # that are cut


@pytest.fixture(params=["python", "javascript", "kotlin"])
def client(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as opened:
        yield opened


async def make_plan(gateway: Gateway, proxy: FaultProxy, *requests: dict[str, Any], **more: Any) -> Plan:
    """With a refresh token of `alice`. The client goes through the proxy."""
    issuer = TokenIssuer(gateway.services.access_tokens, gateway.services.settings.auth)
    async with gateway.services.database.session() as db_session:
        user = await db_session.get(UserRow, "usr_alice")
        if user is None:
            user = UserRow(id="usr_alice", name="alice")
            db_session.add(user)
            await db_session.flush()
        issued = await issuer.issue(db_session, user, NewTokens(ALL_SCOPES.split(), with_refresh=True))
    assert issued.refresh_token is not None
    return Plan(f"http://127.0.0.1:{proxy.port}", issued.refresh_token, list(requests), **more)


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


async def test_whole_responses_arrive_through_a_network_that_fails(
    start_gateway: StartGateway, stack: AsyncExitStack, client: str
) -> None:
    """Cut at random bytes, and silent for a while."""
    one = await start_gateway(scripted={"reply": REPLY, "step_seconds": 0.005}, limits=LIMITS)
    proxy = FaultProxy(one.port)
    await stack.enter_async_context(proxy.serving())
    requests = [*[chat(max_tokens=200 + number) for number in range(3)], VISION, SPEECH]
    plan = await make_plan(one, proxy, *requests, silence_seconds=1)
    expected = [await uncut(one, request) for request in requests]
    assert expected[-1]["transcript"].startswith("word0 ")

    def cuts() -> Iterator[Cut]:
        draw = random.Random(client)
        for number in range(CONNECTIONS):
            proxy.to_client.loses = number in range(6, 9)
            yield Cut(draw.randint(1, 4_000), reset=draw.random() < 0.5)

    proxy.cuts = cuts()
    (outcome,) = await run(client, plan)
    assert outcome.results == expected
    assert proxy.accepted > CONNECTIONS


async def test_refusals_are_waited_for_and_a_token_is_refreshed_once(
    start_gateway: StartGateway, stack: AsyncExitStack, client: str
) -> None:
    gateway = await start_gateway(limits={"requests_per_minute": 1000, "concurrent_requests": 1})
    proxy = FaultProxy(gateway.port)
    await stack.enter_async_context(proxy.serving())
    plan = await make_plan(gateway, proxy, *[chat()] * 3, access_token=expired_token(gateway))
    (outcome,) = await run(client, plan)
    assert [result["finish_reason"] for result in outcome.results] == ["stop"] * 3
    assert len(outcome.saved) == 1


async def test_leaving_a_response_stops_it(
    start_gateway: StartGateway, stack: AsyncExitStack, client: str
) -> None:
    """It would take a minute, and go on for one without a reader."""
    gateway = await start_gateway(scripted={"reply": REPLY, "step_seconds": 0.5}, limits=LIMITS)
    proxy = FaultProxy(gateway.port)
    await stack.enter_async_context(proxy.serving())
    (outcome,) = await run(client, await make_plan(gateway, proxy, chat() | {"leave_after": 1}))
    assert outcome.results[0]["finish_reason"] == ""
    await gateway.until_idle()


async def test_client_gives_up_with_a_clear_error(
    start_gateway: StartGateway, stack: AsyncExitStack, client: str
) -> None:
    gateway = await start_gateway(limits={"daily_tokens": 30})
    proxy = FaultProxy(gateway.port)
    await stack.enter_async_context(proxy.serving())
    assert (await gateway.call("POST", "/chat", json={"prompt": "hello", "max_tokens": 8})).status_code == 200
    refused = await make_plan(gateway, proxy, chat(typo=1), chat(max_tokens=25))
    signed_out = replace(refused, refresh_token="rt_" + "A" * 43)
    unreachable = replace(refused, url=f"http://127.0.0.1:{free_port()}", patience_seconds=1)
    outcomes = await run(client, refused, signed_out, unreachable)
    assert [[result["error"] for result in outcome.results] for outcome in outcomes] == [
        ["invalid_request", "daily_tokens_exceeded"],
        ["invalid_grant", "invalid_grant"],
        ["connection_lost", "connection_lost"],
    ]
