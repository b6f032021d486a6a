"""Clocks that jump, of the gateway and of PostgreSQL, by Debian's `libfaketime`."""

import asyncio
import contextlib
import functools
import os
import signal
import time
from collections.abc import AsyncIterator, Iterator
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Final

import httpx

from benchmarks.faults.fault import Family, Fault, Site
from benchmarks.faults.gateway import GatewayProcess
from benchmarks.faults.load import Sent, documented_codes, make_request, scripted_words
from benchmarks.faults.responses import judged
from testbed.servers import MissingServer, PostgresServer

STEPS: Final = {"back by an hour": "-1h", "ahead by a day": "+1d"}
NOW: Final = "+0"
PATIENCE_SECONDS: Final = 3.0  # a revocation takes effect within one


class FakeClock:
    """What a program sees whose environment has `variables`; steps take effect within a second."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.write_text(NOW)
        path.chmod(0o644)
        libraries = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
        if not libraries:
            raise MissingServer("libfaketime is not installed: apt-get install libfaketime")
        self.variables = {
            "LD_PRELOAD": str(libraries[0]),
            "FAKETIME_TIMESTAMP_FILE": str(path),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    async def set(self, offset: str) -> None:
        await asyncio.to_thread(self._path.write_text, offset)

    @contextlib.contextmanager
    def for_children(self) -> Iterator[None]:
        """Of this process, started meanwhile."""
        before = dict(os.environ)
        os.environ.update(self.variables)
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)


@contextlib.asynccontextmanager
async def open_site(directory: Path) -> AsyncIterator[Site]:
    (directory / "postgres").mkdir()
    postgres = PostgresServer(directory / "postgres")
    ours, theirs = FakeClock(directory / "gateways-clock"), FakeClock(directory / "databases-clock")
    gateway = None
    try:
        await asyncio.to_thread(postgres.start)  # which makes the cluster
        await asyncio.to_thread(postgres.stop, signal.SIGINT)
        with theirs.for_children():
            await asyncio.to_thread(postgres.start)
        name = await asyncio.to_thread(postgres.create_database)
        settings = {"GATEWAY_DATABASE_URL": postgres.url(name)}
        gateway = GatewayProcess(directory, settings, serve_only=ours.variables)
        await gateway.run("db", "upgrade")
        await gateway.start()
        yield Site(
            gateway,
            [
                jump(f"clock of the {whose} {step}", clock, offset, Revocation(gateway))
                for whose, clock in (("gateway", ours), ("database", theirs))
                for step, offset in STEPS.items()
            ],
        )
    finally:
        if gateway is not None:
            await gateway.aclose()
        postgres.stop()


def jump(name: str, clock: FakeClock, offset: str, revocation: "Revocation") -> Fault:
    async def mend() -> None:
        await revocation.try_out()
        await clock.set(NOW)

    return Fault(name, functools.partial(clock.set, offset), mend, seconds=4.0, note=revocation.note)


class Revocation:
    """Of a token that is issued and revoked while the clock is wrong."""

    _number = 0

    def __init__(self, gateway: GatewayProcess) -> None:
        self._gateway = gateway
        self._note = ""

    async def try_out(self) -> None:
        Revocation._number += 1
        user_id, token = await self._gateway.issue(f"revoked{Revocation._number}")
        sent, expected = make_request("chat", token, "x", 6), scripted_words("chat", "x", 6)
        before = await judged(self._gateway.port, sent, expected, documented_codes())
        await self._gateway.post("/admin/revocations", {"user_id": user_id})
        began = time.monotonic()
        while (
            after := await judged(self._gateway.port, sent, expected, documented_codes())
        ).outcome == "right":
            if time.monotonic() > began + PATIENCE_SECONDS:
                break
        seconds = time.monotonic() - began
        self._note = f"{await self._shown()}; a new token is {before.outcome}, {after.code or after.outcome} "
        self._note += f"{seconds:.1f} s after its revocation"

    async def note(self, sent: list[Sent]) -> str:
        return self._note

    async def _shown(self) -> str:
        """How far the gateway's clock is off, by its own `Date`."""
        async with httpx.AsyncClient(verify=False) as client:
            response = await client.get(f"{self._gateway.base_url}/healthz")
        hours = (parsedate_to_datetime(response.headers["date"]).timestamp() - time.time()) / 3_600
        return f"the gateway's clock is off by {hours:+.1f} h"


FAMILY: Final = Family("clocks", "Clocks", open_site)
