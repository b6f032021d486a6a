"""The short form of `python -m benchmarks.faults`: what no fault may do to the responses to others.

How long everything takes is the benchmark's to say; it is published in `docs/reliability.md`.
"""

import asyncio

import pytest

from benchmarks.faults import clients, disks, lifecycle, media, stores, workers
from benchmarks.faults.fault import Family
from benchmarks.faults.measurement import SHORT, Row, measure_family
from testbed.servers import MissingServer

from ..conftest import leave_out

FAMILIES = (
    *(media.FAMILY, clients.FAMILY, stores.FAMILY, disks.FAMILY, lifecycle.IMPATIENT),
    workers.FAMILY,
)
# What one user is refused is the fault's own doing: his file was being decoded, his words were being said.
MAY_BE_REFUSED = {
    "media": {"invalid_image", "service_unavailable"},
    "drain": {"shutting_down"},
    "workers": {"generation_failed", "service_unavailable"},
}

pytestmark = [pytest.mark.slow, pytest.mark.servers]


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_no_response_is_lost_or_wrong(family: Family) -> None:
    async def measure() -> list[Row]:
        return [row async for row in measure_family(family, SHORT, is_short=True)]

    try:
        rows = asyncio.run(measure())
    except MissingServer as error:
        leave_out(error)
    assert rows
    for row in rows:
        assert (row.lost, row.wrong, row.restarts) == ({}, 0, 0), row
        assert set(row.refused) <= MAY_BE_REFUSED.get(family.name, set()), row
        assert row.recovery_seconds is not None, row
