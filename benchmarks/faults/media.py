"""Files that cost far more than their bytes, and processes that decode them and die."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Final

import psutil

from benchmarks.faults.attackers import Attack, send_media
from benchmarks.faults.fault import Family, Fault, Site
from benchmarks.faults.gateway import GatewayProcess
from benchmarks.faults.load import Sent, Shape
from testbed.hostile_media import HOSTILE_IMAGES, HOSTILE_RECORDINGS

KILL_SECONDS: Final = 0.1
ROUNDS: Final = 5
ROUND_SECONDS: Final = 2.0
IN_SHORT_FORM: Final = ("heic: 31 x 32 tiles of 4 megapixels",)
# Scripted replies come at once, so that a response takes as long as the gateway needs.
SETTINGS: Final = {"GATEWAY_SCRIPTED__STEP_SECONDS": "0"}

Find = Callable[[psutil.Process], list[psutil.Process]]


class Killer:
    """Kills what `find` finds among the gateway's children, again and again."""

    def __init__(self, gateway: GatewayProcess, find: Find) -> None:
        self._gateway = gateway
        self._find = find
        self._task: asyncio.Task[None] | None = None
        self._killed = 0

    async def start(self) -> None:
        self._task = asyncio.create_task(self._kill())

    async def stop(self) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.wait([self._task])

    async def note(self, sent: list[Sent]) -> str:
        return f"{self._killed} killed"

    async def _kill(self) -> None:
        while True:
            for process in self._find(psutil.Process(self._gateway.process_id)):
                with contextlib.suppress(psutil.Error):
                    process.kill()
                    self._killed += 1
            await asyncio.sleep(KILL_SECONDS)


def decoding_processes(gateway: psutil.Process) -> list[psutil.Process]:
    return [process for server in fork_servers(gateway) for process in server.children()]


def fork_servers(gateway: psutil.Process) -> list[psutil.Process]:
    return gateway.children()


@contextlib.asynccontextmanager
async def open_site(directory: Path) -> AsyncIterator[Site]:
    gateway = GatewayProcess(directory, SETTINGS)
    try:
        await gateway.start()
        decoders, servers = Killer(gateway, decoding_processes), Killer(gateway, fork_servers)
        _, token = await gateway.issue("attacker")
        yield Site(
            gateway,
            [
                Fault(
                    "decoding processes killed ten times a second",
                    *(decoders.start, decoders.stop),
                    note=decoders.note,
                    is_short=True,
                ),
                Fault(
                    "fork server killed",
                    *(servers.start, servers.stop),
                    seconds=KILL_SECONDS / 2,
                    note=servers.note,
                    is_short=True,
                ),
                *(hostile_file(gateway, token, name) for name in (*HOSTILE_IMAGES, *HOSTILE_RECORDINGS)),
            ],
            Shape(streams=2, chats=2, visions=1),
        )
    finally:
        await gateway.aclose()


def hostile_file(gateway: GatewayProcess, token: str, name: str) -> Fault:
    attack = Attack(send_media, name)

    async def start() -> None:
        await attack.start(gateway.port, token)

    return Fault(
        name, start, attack.stop, seconds=ROUND_SECONDS, rounds=ROUNDS, is_short=name in IN_SHORT_FORM
    )


FAMILY: Final = Family("media", "Hostile media, sent by one user without pause", open_site)
