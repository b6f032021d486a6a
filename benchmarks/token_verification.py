"""What verifying an access token costs: `python -m benchmarks.token_verification` (a few seconds).

Cached: the token was seen lately, its hash is looked up and revocations are checked. Uncached: the guard,
the signature and the claims. Poll: what keeping the view of revocations costs, twice a second. All in
processor time, which a neighbour on the same core does not lengthen.
"""

import asyncio
import json
import tempfile
import timeit
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from time import process_time

from rich.console import Console
from rich.table import Table

from app.auth.access_tokens import AccessTokens
from app.auth.account_changes import AccountChanges
from app.auth.signing_keys import load_signing_keys
from app.persistence.database import Database
from app.persistence.migrations import upgrade_database
from app.settings import Settings
from testbed.hardware import hardware_and_versions

CACHED_CALLS = 200_000
TOKENS = 1_000
POLLS = 200
REPEATS = 5


def main() -> None:
    with tempfile.TemporaryDirectory() as directory:
        settings = Settings(data_dir=Path(directory), env="development")
        figures = asyncio.run(measure(settings))
    table = Table("", "microseconds of processor time")
    for name, value in figures.items():
        table.add_row(name.removesuffix("_us").replace("_", " "), f"{value:.2f}")
    Console().print(table)
    packages = ("python-jose", "cryptography", "sqlalchemy")
    print(json.dumps({"benchmark": "token_verification", **figures, **hardware_and_versions(*packages)}))


async def measure(settings: Settings) -> dict[str, float]:
    """The best of several repetitions of each, in microseconds of processor time a call."""
    keys = load_signing_keys(settings)
    await upgrade_database(settings.effective_database_url)
    database = Database(settings.effective_database_url)
    changes = AccountChanges(database, keys)
    await changes.start()
    tokens = AccessTokens(keys, changes, settings.auth, cache_size=1)  # so that others are not cached
    minted = [tokens.mint("usr_1", ["chat"], timedelta(minutes=15)).encoded for _ in range(TOKENS)]
    figures = {"cached_us": best(lambda: tokens.verify(minted[0]), CACHED_CALLS)}
    turn = iter(minted * (REPEATS + 1))
    figures["uncached_us"] = best(lambda: tokens.verify(next(turn)), TOKENS)
    polls = []
    for _ in range(REPEATS):
        started = process_time()
        for _ in range(POLLS):
            await changes.refresh_now()
        polls.append((process_time() - started) / POLLS * 1e6)
    figures["poll_us"] = min(polls)
    await changes.aclose()
    await database.aclose()
    return {name: round(value, 2) for name, value in figures.items()}


def best(call: Callable[[], object], number: int) -> float:
    return min(timeit.repeat(call, timer=process_time, number=number, repeat=REPEATS)) / number * 1e6


if __name__ == "__main__":
    main()
