"""Runs the clients of `.clients` against gateways of a test, and says what each of them can do."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final

from PIL import Image

from testbed.servers import MissingServer, find_program

from ..gateway import running_gateway

HERE: Final = Path(__file__).parent
ENVIRONMENTS: Final = Path(__file__).parents[3] / ".clients"  # made by scripts/install-test-clients
MODULES: Final = {
    "python": (
        "openai_sdk",
        "langchain_client",
        "pydantic_ai_client",
        "agents_client",
        "llm_client",
        "autoglm_gui_client",
    ),
    "instructor": ("instructor_client",),
}
ABILITIES: Final = ("text", "stream", "picture", "typed", "tools", "action")
SECONDS: Final = 300
TRIP: Final = '{"city": "Rome", "days": 3}'
REPLIES: Final[dict[str, list[dict[str, Any]]]] = {  # by the first key of `Gateways`
    "text": [{"text": "{prompt}"}],
    "typed": [{"text": TRIP, "tool_calls": [["Trip", TRIP]]}],
    "tools": [{"tool_calls": [["weather", '{"city": "Rome"}']]}, {"text": "{prompt}"}],
    "action": [
        {"reasoning": "It is there.", "text": 'do(action="Tap", element=[500,250])'},
        {"text": 'finish(message="It is open.")'},
    ],
}

Gateways = dict[str, str]  # the base URLs of the keys of REPLIES; "key"; the path of "picture"
Results = dict[str, dict[str, str]]  # by client and ability: "ok", or why not


@asynccontextmanager
async def scripted_gateways(directory: Path) -> AsyncIterator[Gateways]:
    """One for each kind of reply. They share their signing keys: one key of a client works for all."""
    picture = directory / "picture.png"
    Image.new("RGB", (8, 6)).save(picture)
    given = {"picture": str(picture)}
    async with AsyncExitStack() as stack:
        for ability, replies in REPLIES.items():
            place = directory / ability
            place.mkdir()
            gateway = await stack.enter_async_context(
                running_gateway(
                    place,
                    scripted={"replies": replies},
                    model_name="autoglm-phone-9b" if ability == "action" else None,
                    model_aliases="autoglm-phone-9b",
                    limits={"requests_per_minute": 1000, "concurrent_requests": 10},
                    auth={"keys_dir": directory / "keys"},
                )
            )
            given[ability] = f"http://127.0.0.1:{gateway.port}/v1"
            given["key"] = (await gateway.headers())["Authorization"].removeprefix("Bearer ")
        yield given


async def run_clients(environment: str, gateways: Gateways) -> Results:
    """Raises `MissingServer` if the environment is not installed."""
    place = ENVIRONMENTS / environment
    if not (place / ".installed").is_file():
        raise MissingServer(f"the clients of {environment}: scripts/install-test-clients installs them")
    if environment == "node":
        command = [find_program("node", "nodejs"), str(HERE / "node" / "run.mjs")]
    else:
        command = [str(place / "bin" / "python"), str(HERE / "python" / "run.py"), *MODULES[environment]]
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=Path(gateways["picture"]).parent,  # agents write logs there
        env=os.environ | {"NODE_CLIENTS": str(place), "LANGSMITH_TRACING": "false"},
    )
    try:
        async with asyncio.timeout(SECONDS):
            output, _ = await process.communicate(json.dumps(gateways).encode())
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    results: Results = json.loads(output.decode().splitlines()[-1])
    return results
