"""Clients that send hostile bodies, are slow, many, or leave; and one whose access is withdrawn."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from benchmarks.bodies import bodies
from benchmarks.faults.attackers import (
    IDLE_CONNECTIONS,
    LEAVERS,
    SLOW_CLIENTS,
    Attack,
    Attacker,
    drip,
    hold_connections,
    leave,
    send_body,
)
from benchmarks.faults.fault import Family, Fault, Site
from benchmarks.faults.gateway import GatewayProcess
from benchmarks.faults.load import Sent, documented_codes, make_request, scripted_words
from benchmarks.faults.responses import Verdict, judged

STREAMS: Final = 4  # of the user who is revoked
STREAMED_TOKENS: Final = 110  # 2.2 seconds of them
BODIES_IN_SHORT_FORM: Final = ("lists in lists", "tiny parts")


@contextlib.asynccontextmanager
async def open_site(directory: Path) -> AsyncIterator[Site]:
    gateway = GatewayProcess(directory)
    try:
        await gateway.start()
        _, token = await gateway.issue("attacker")
        revoked = RevokedStreams(gateway)
        names = [body.name for body in bodies() if body.name != "nothing"]
        yield Site(
            gateway,
            [
                attacked(gateway, token, f"{SLOW_CLIENTS} clients that send heads slowly", drip, "heads"),
                attacked(gateway, token, f"{SLOW_CLIENTS} clients that send bodies slowly", drip, "bodies"),
                attacked(gateway, token, f"{IDLE_CONNECTIONS:,} idle connections", hold_connections, ""),
                attacked(gateway, token, f"{LEAVERS} clients that leave streams at once", leave, "", True),
                Fault(
                    "user revoked in mid-stream",
                    revoked.inject,
                    revoked.wait,
                    note=revoked.note,
                    is_short=True,
                ),
                *(
                    attacked(gateway, token, f"body: {name}", send_body, name, name in BODIES_IN_SHORT_FORM)
                    for name in names
                ),
            ],
        )
    finally:
        await gateway.aclose()


def attacked(
    gateway: GatewayProcess, token: str, name: str, attacker: Attacker, what: str, is_short: bool = False
) -> Fault:
    attack = Attack(attacker, what)

    async def start() -> None:
        await attack.start(gateway.port, token)

    return Fault(name, start, attack.stop, is_short=is_short)


class RevokedStreams:
    """Streams of one user, all of whose tokens are revoked while they run."""

    def __init__(self, gateway: GatewayProcess) -> None:
        self._gateway = gateway
        self._streams: list[asyncio.Task[Verdict]] = []
        self._seconds = 0.0

    async def inject(self) -> None:
        user_id, token = await self._gateway.issue("revoked")
        expected = scripted_words("stream", "x", STREAMED_TOKENS)
        sent = make_request("stream", token, "x", STREAMED_TOKENS)
        self._streams = [
            asyncio.create_task(judged(self._gateway.port, sent, expected, documented_codes()))
            for _ in range(STREAMS)
        ]
        await asyncio.sleep(0.3)  # each has said something
        began = time.monotonic()
        await self._gateway.post("/admin/revocations", {"user_id": user_id})
        await asyncio.wait(self._streams)
        self._seconds = time.monotonic() - began

    async def wait(self) -> None:
        await asyncio.wait(self._streams)

    async def note(self, sent: list[Sent]) -> str:
        ends = sorted({f"{stream.result().outcome} {stream.result().code}" for stream in self._streams})
        return f"its {len(self._streams)} streams end after {self._seconds:.2f} s: {', '.join(ends)}"


FAMILY: Final = Family("clients", "Clients and what they send", open_site)
