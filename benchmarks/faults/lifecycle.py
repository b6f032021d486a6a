"""The gateway itself: stopped while streams run, with and without time to finish them, and killed."""

import contextlib
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from benchmarks.faults.fault import Family, Fault, Site
from benchmarks.faults.gateway import GatewayProcess
from benchmarks.faults.load import Sent
from benchmarks.faults.usage import compare_usage, of_sqlite

SHORT_DRAIN_SECONDS: Final = "0.2"


@contextlib.asynccontextmanager
async def open_patient(directory: Path) -> AsyncIterator[Site]:
    gateway = GatewayProcess(directory)
    stopped, killed = Stopped(gateway), Killed(gateway)
    try:
        await gateway.start()
        yield Site(
            gateway,
            [
                Fault(
                    "SIGTERM, streams may finish",
                    *(stopped.inject, gateway.start),
                    seconds=0.0,
                    note=stopped.note,
                    restarts=1,
                ),
                Fault(
                    "SIGKILL",
                    *(killed.inject, gateway.start),
                    seconds=0.0,
                    note=killed.note,
                    restarts=1,
                ),
            ],
        )
    finally:
        await gateway.aclose()


@contextlib.asynccontextmanager
async def open_impatient(directory: Path) -> AsyncIterator[Site]:
    gateway = GatewayProcess(directory, {"GATEWAY_DRAIN_SECONDS": SHORT_DRAIN_SECONDS})
    stopped = Stopped(gateway)
    try:
        await gateway.start()
        yield Site(
            gateway,
            [
                Fault(
                    f"SIGTERM, drain of {SHORT_DRAIN_SECONDS} s with open streams",
                    *(stopped.inject, gateway.start),
                    seconds=0.0,
                    note=stopped.note,
                    restarts=1,
                    is_short=True,
                ),
            ],
        )
    finally:
        await gateway.aclose()


class Stopped:
    def __init__(self, gateway: GatewayProcess) -> None:
        self._gateway = gateway
        self._exit_code = 0

    async def inject(self) -> None:
        self._gateway.send_signal(signal.SIGTERM)
        self._exit_code = await self._gateway.wait()

    async def note(self, sent: list[Sent]) -> str:
        usage = of_sqlite(self._gateway.data_dir / "gateway.db")
        return f"exit code {self._exit_code}; {await compare_usage(usage, sent)}"


class Killed:
    def __init__(self, gateway: GatewayProcess) -> None:
        self._gateway = gateway

    async def inject(self) -> None:
        self._gateway.send_signal(signal.SIGKILL)
        await self._gateway.wait()

    async def note(self, sent: list[Sent]) -> str:
        return await compare_usage(of_sqlite(self._gateway.data_dir / "gateway.db"), sent)


PATIENT: Final = Family("lifecycle", "The gateway stopped or killed", open_patient)
IMPATIENT: Final = Family("drain", "The gateway stopped, with little time", open_impatient)
