"""429 is the user's limit, and 503 the gateway's: it costs the user nothing, wherever it comes from."""

import asyncio
import time
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest

from app.errors import ShuttingDown
from app.limits.limiter import Limiter
from app.limits.memory.limiter import MemoryLimiter
from app.user_limits import UserLimits

from ..conftest import StartGateway
from ..gateway import Gateway
from .test_chat import jpeg

pytestmark = pytest.mark.anyio

PER_MINUTE = 10
ENDLESS = {"reply": "word " * 10_000, "step_seconds": 0.005}

Full = Callable[[Gateway], AbstractContextManager[None]]


def remaining(limiter: Limiter) -> int:
    """Of alice's requests of this minute."""
    assert isinstance(limiter, MemoryLimiter)
    return limiter.window.state("usr_alice", PER_MINUTE, time.time()).remaining


def no_memory(*names: str) -> Full:
    @contextmanager
    def full(gateway: Gateway) -> Iterator[None]:
        shares = [share for name, share in gateway.services.memory_budget.shares.items() if name in names]
        for share in shares:
            assert share.take_now(share.capacity_bytes)
        yield
        for share in shares:
            share.release(share.capacity_bytes)

    return full


@contextmanager
def full_queue(gateway: Gateway) -> Iterator[None]:
    place = gateway.services.admission_queue.reserve()
    yield
    place.release()


CHAT = {"json": {"prompt": "hi"}}
BACKGROUND = {"json": {"prompt": "hi", "background": True}}
PICTURE = {"files": {"image": ("a.jpg", b64decode(jpeg(8, 8)) + bytes(300_000))}, "data": {"prompt": "What?"}}
KEYED = CHAT | {"headers": {"Idempotency-Key": "5f2c"}}


@pytest.mark.parametrize(
    ("path", "request_options", "full", "code"),
    [
        ("/chat", CHAT, no_memory("arriving"), "overloaded"),
        ("/chat", CHAT, no_memory("bodies"), "overloaded"),
        ("/vision", PICTURE, no_memory("media"), "overloaded"),
        ("/vision", PICTURE, no_memory("disk"), "storage_full"),
        ("/chat", CHAT, full_queue, "overloaded"),
        ("/chat", BACKGROUND, no_memory("streams"), "overloaded"),
        ("/chat", KEYED, no_memory("streams"), "overloaded"),
    ],
    ids=["arriving body", "body", "media", "disk", "queue", "background", "recorded response"],
)
async def test_what_the_gateway_has_no_room_for_costs_nothing(
    start_gateway: StartGateway, path: str, request_options: dict[str, Any], full: Full, code: str
) -> None:
    limits = {"requests_per_minute": PER_MINUTE, "max_in_flight": 1}
    gateway = await start_gateway(limits=limits, request_timeout_seconds=3)
    with full(gateway):
        response = await gateway.call("POST", path, **request_options)
    assert (response.status_code, response.json()["code"]) == (503, code)
    assert remaining(gateway.services.limiter) == PER_MINUTE
    assert "ratelimit" not in response.headers, "it does not count"


async def test_request_that_the_gateway_ends_costs_only_the_tokens_that_it_has_used(
    start_gateway: StartGateway,
) -> None:
    gateway = await start_gateway(limits={"requests_per_minute": PER_MINUTE}, scripted=ENDLESS)
    await gateway.add_user("alice", daily_tokens=100_000)
    asking = asyncio.create_task(gateway.call("POST", "/chat", **CHAT))
    async with asyncio.timeout(10):
        while not gateway.services.history.output_tokens:  # noqa: ASYNC110 - there is no event
            await asyncio.sleep(0.01)
    gateway.services.running_calls.end_all(ShuttingDown)
    response = await asking
    assert (response.status_code, response.json()["code"]) == (503, "shutting_down")
    limiter = gateway.services.limiter
    assert remaining(limiter) == PER_MINUTE
    admission = await limiter.admit("usr_alice", UserLimits(PER_MINUTE, 2, 100_000))
    left = await admission.reserve_tokens(1)
    assert left is not None
    assert left < 100_000
