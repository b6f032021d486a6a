"""The embedded model's worker killed while it speaks."""

import contextlib
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from benchmarks.faults.fault import Family, Fault, Site
from benchmarks.faults.gateway import GatewayProcess
from benchmarks.faults.load import Kind, Shape, make_request
from benchmarks.faults.responses import exchange

PROMPTS: Final = ("Open the settings", "What can you do?", "Who are you?")
MAX_TOKENS: Final[dict[Kind, int]] = {"stream": 24, "chat": 8, "vision": 8}


@contextlib.asynccontextmanager
async def open_site(directory: Path) -> AsyncIterator[Site]:
    """What the model says is learned while nothing else runs; it is exact in any batch."""
    command = [sys.executable, str(Path(__file__).with_name("killable_gateway.py"))]
    gateway = GatewayProcess(directory, {"GATEWAY_BACKEND": "in_process"}, command=command)
    try:
        await gateway.start()
        _, token = await gateway.issue("learner")
        learned = {
            (kind, prompt): await learn(
                gateway.port, token, "chat" if kind == "stream" else kind, prompt, tokens
            )
            for kind, tokens in MAX_TOKENS.items()
            for prompt in PROMPTS
        }

        async def kill() -> None:
            gateway.write_line()

        yield Site(
            gateway,
            [Fault("inference worker killed", kill, seconds=1.0, is_short=True)],
            Shape(streams=3, chats=2, visions=1, prompts=PROMPTS, max_tokens=MAX_TOKENS),
            lambda kind, prompt, tokens: learned[kind, prompt],
        )
    finally:
        await gateway.aclose()


async def learn(port: int, token: str, kind: Kind, prompt: str, tokens: int) -> str:
    response = await exchange(port, make_request(kind, token, prompt, tokens))
    return str(json.loads(response.body)["content"])


FAMILY: Final = Family("workers", "The embedded model", open_site)
