"""A disk that is really full, and one that is read-only when the gateway is started."""

import asyncio
import contextlib
import functools
import signal
import subprocess
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Final

from benchmarks.faults.fault import Family, Fault, Site, Step
from benchmarks.faults.gateway import GatewayProcess
from benchmarks.faults.load import Sent
from benchmarks.faults.usage import compare_usage, of_sqlite
from testbed.small_disk import SmallDisk, small_disk

DISK_BYTES: Final = 16 * 2**20
EXIT_SECONDS: Final = 30.0


@contextlib.asynccontextmanager
async def open_site(directory: Path) -> AsyncIterator[Site]:
    place = directory / "disk"
    place.mkdir()
    with small_disk(place, DISK_BYTES) as disk:
        settings = {"GATEWAY_DATA_DIR": str(place / "data")}
        gateway = GatewayProcess(directory, settings, prefix=disk.inside)
        try:
            await gateway.start()
            read_only = ReadOnlyStart(gateway, disk)
            yield Site(
                gateway,
                [
                    Fault(
                        "disk full",
                        *(as_step(disk.fill), as_step(disk.make_room)),
                        note=functools.partial(
                            compare_usage, of_sqlite(place / "data" / "gateway.db", disk.inside)
                        ),
                        is_short=True,
                    ),
                    Fault(
                        "started on a read-only disk",
                        *(read_only.inject, read_only.mend),
                        note=read_only.note,
                        restarts=2,
                    ),
                ],
            )
        finally:
            await gateway.aclose()


class ReadOnlyStart:
    """Linux makes no disk read-only while files are open for writing, so the gateway is stopped first."""

    def __init__(self, gateway: GatewayProcess, disk: SmallDisk) -> None:
        self._gateway = gateway
        self._disk = disk
        self._exit_code = 0

    async def inject(self) -> None:
        self._gateway.send_signal(signal.SIGTERM)
        await self._gateway.wait()
        await self._remount("ro")
        self._gateway.launch()
        self._exit_code = await self._gateway.wait(EXIT_SECONDS)

    async def mend(self) -> None:
        await self._remount("rw")
        await self._gateway.start()

    async def note(self, sent: list[Sent]) -> str:
        return f"the start is refused with exit code {self._exit_code}"

    async def _remount(self, mode: str) -> None:
        command = [*self._disk.inside, "mount", "-o", f"remount,{mode}", str(self._disk.place)]
        await asyncio.to_thread(subprocess.run, command, check=True)


def as_step(work: Callable[[], None]) -> Step:
    async def step() -> None:
        await asyncio.to_thread(work)

    return step


FAMILY: Final = Family("disks", "Disks", open_site)
