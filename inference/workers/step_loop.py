"""The loop in which a worker runs commands and steps its engine."""

from collections.abc import Callable
from queue import Empty, SimpleQueue

from inference.engine.outcome import Outcome
from inference.workers.worker import Steppable

Command = Callable[[Steppable], None]
Inbox = SimpleQueue[Command | None]  # None ends the loop


def step_until_stopped(
    engine: Steppable, inbox: Inbox, report: Callable[[Steppable, list[Outcome]], None]
) -> None:
    """Calls `report` after each step. Raises what a step raises: the device is lost then."""
    while _run_commands(engine, inbox):
        report(engine, engine.step())


def _run_commands(engine: Steppable, inbox: Inbox) -> bool:
    """Runs all commands since the last step; waits while idle. Returns False to end the loop."""
    try:
        while True:
            command = inbox.get(block=not engine.has_work)
            if command is None:
                return False
            command(engine)
    except Empty:
        return True
