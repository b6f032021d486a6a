"""What a family of faults hands over: a gateway, its load, and how each fault is injected and mended."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.faults.gateway import GatewayProcess
from benchmarks.faults.load import Expect, Sent, Shape

Step = Callable[[], Awaitable[None]]
Note = Callable[[list[Sent]], Awaitable[str]]


async def nothing() -> None:
    pass


@dataclass(frozen=True, slots=True)
class Fault:
    """`note` tells what only this fault can; it gets what was sent before the mending.

    With several `rounds` it is injected and mended as often, and compared with the times in between, so that
    what else the machine does weighs on both. Then `seconds` are those of a round.
    """

    name: str
    inject: Step
    mend: Step = nothing
    seconds: float = 4.0  # between the two
    rounds: int = 1
    is_short: bool = False  # part of the short form
    restarts: int = 0  # how often it starts the gateway anew itself
    note: Note | None = None


@dataclass(frozen=True, slots=True)
class Site:
    gateway: GatewayProcess
    faults: list[Fault]
    shape: Shape = field(default_factory=Shape)
    expect: Expect | None = None


@dataclass(frozen=True, slots=True)
class Family:
    """`open` takes an empty directory; what it needs and cannot have raises `MissingServer`."""

    name: str
    title: str
    open: Callable[[Path], AbstractAsyncContextManager[Site]]
