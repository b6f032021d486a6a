"""One attempt to have a request served: at which engine, and how it failed."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

from inference.backends.remote.endpoint import Endpoint
from inference.backends.remote.refusals import LostConnection

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Attempt:
    """`error` is None while it goes on."""

    endpoint: Endpoint
    request_id: str
    error: Exception | None = None
    is_counted: bool = False  # as a failure of the engine, or never
    _trials: int = field(init=False)

    def __post_init__(self) -> None:
        self._trials = self.endpoint.trials

    @property
    def is_outdated(self) -> bool:
        """The engine was checked after the attempt began, and serves again: its failure says nothing new.

        Where several machines share one address, all requests of one that dies fail, some of them later.
        """
        return self._trials != self.endpoint.trials

    @property
    def may_have_met_idle_close(self) -> bool:
        """The engine may have closed the connection while no request used it."""
        return isinstance(self.error, LostConnection) and not self.error.is_unreachable


def count_failures(attempts: Sequence[Attempt]) -> None:
    """Counts and logs each one that has failed, once."""
    for each in attempts:
        if each.error is not None and not each.is_counted:
            each.is_counted = True
            each.endpoint.failed += 1
            logger.info("engine %s fails at %s: %s", each.endpoint.name, each.request_id, each.error)


def tried(attempts: Sequence[Attempt]) -> list[Endpoint]:
    return [each.endpoint for each in attempts if not each.is_outdated]


def given_up(attempts: Sequence[Attempt]) -> list[Endpoint]:
    """Without those that lost the request once: they may have closed an idle connection."""
    endpoints = tried(attempts)
    return [
        each.endpoint
        for each in attempts
        if not each.is_outdated
        and not (isinstance(each.error, LostConnection) and endpoints.count(each.endpoint) == 1)
    ]
