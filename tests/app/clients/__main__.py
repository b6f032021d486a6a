"""Runs all clients and writes the table of `docs/clients.md`: `make clients`."""

import asyncio
import sys
import tempfile
from pathlib import Path

from .replayed import replay
from .running import Results, run_clients, scripted_gateways
from .table import write_table


async def main() -> int:
    """The exit status: 1 if a client failed."""
    results: Results = {}
    with tempfile.TemporaryDirectory() as directory:
        async with scripted_gateways(Path(directory)) as gateways:
            for environment in ("python", "instructor", "node"):
                results |= await run_clients(environment, gateways)
            results |= await replay(gateways)
    write_table(results)
    failures = [
        f"{client}, {ability}:\n{outcome}"
        for client, abilities in results.items()
        for ability, outcome in abilities.items()
        if outcome != "ok"
    ]
    print("\n\n".join(failures), file=sys.stderr)
    return bool(failures)


sys.exit(asyncio.run(main()))
