"""Runs the clients of modules, and prints what they can do; the gateways are JSON on stdin.

Executed with the Python of an environment in `.clients`, which does not have the gateway.
"""

import asyncio
import importlib
import inspect
import json
import sys
import traceback
from collections.abc import Callable

import gateways


def main() -> None:
    gateways.use(json.load(sys.stdin))
    results: dict[str, dict[str, str]] = {}
    with asyncio.Runner() as runner:  # one event loop: some clients keep their connections
        for name in sys.argv[1:]:
            for client, abilities in importlib.import_module(name).CLIENTS.items():
                for ability, work in abilities.items():
                    results.setdefault(client, {})[ability] = _outcome(work, runner)
    print(json.dumps(results))


def _outcome(work: Callable[[], object], runner: asyncio.Runner) -> str:
    """`ok`, or why not."""
    try:
        result = work()
        if inspect.iscoroutine(result):
            runner.run(asyncio.wait_for(result, 60))
    except Exception:
        return traceback.format_exc()
    return "ok"


if __name__ == "__main__":
    main()
