"""Mutated files through the routes of a whole gateway: none may cost more than its own request.

The full ten thousand, and what they do to the memory, are `python -m benchmarks.media_fuzz`.
"""

import asyncio

import httpx
import pytest

from benchmarks.media_fuzz import SETTINGS, fuzz, send
from testbed.gateways import started_gateway
from testbed.media_mutations import Mutated, mutations, originals

COUNT = 400
SEED = 20

pytestmark = pytest.mark.slow


def test_mutated_files_are_decoded_or_refused_by_a_gateway_that_stays_up() -> None:
    with started_gateway("vision speech", None, **SETTINGS) as gateway:
        fuzzed = asyncio.run(fuzz(gateway, mutations(SEED, COUNT), COUNT))
    assert fuzzed.statuses.total() == COUNT
    assert [(file.number, file.original) for file in fuzzed.broken] == []
    assert not fuzzed.has_restarted


def test_files_are_good_before_they_are_mutated() -> None:
    async def send_all(port: int, token: str) -> dict[str, int]:
        headers = {"Authorization": f"Bearer {token}"}
        async with httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", headers=headers, verify=False
        ) as client:
            return {
                file.name: await send(client, Mutated(number, file.name, file.route, file.data))
                for number, file in enumerate(originals())
            }

    with started_gateway("vision speech", None, **SETTINGS) as gateway:
        statuses = asyncio.run(send_all(gateway.port, gateway.token))
    assert {name: status for name, status in statuses.items() if status != 200} == {}


def test_the_same_seed_makes_the_same_files_again() -> None:
    assert list(mutations(SEED, 60)) == list(mutations(SEED, 60))
    assert list(mutations(SEED, 60)) != list(mutations(SEED + 1, 60))
