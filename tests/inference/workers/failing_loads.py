"""Engines that cannot be made. Imports no torch, which would take most of the time of a worker's process."""

import logging
import threading
from typing import NoReturn

from inference.errors import InvalidCheckpoint

logger = logging.getLogger("inference.faulty")


class NotPicklable(Exception):
    def __init__(self, one: str, two: str) -> None:
        super().__init__(one)


def refuse_checkpoint() -> NoReturn:
    logger.warning("the directory is %s", "empty")
    raise InvalidCheckpoint("The model directory is empty.")


def fail_unpicklably() -> NoReturn:
    raise NotPicklable("one", "two")


def fail_unexpectedly() -> NoReturn:
    raise KeyError("a path")


def stop_iterating() -> NoReturn:
    raise StopIteration


def hang_while_loading() -> NoReturn:
    threading.Event().wait()
    raise AssertionError
