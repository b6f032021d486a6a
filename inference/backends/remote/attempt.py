"""One attempt to have a request served: at which engine, and how it failed."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from inference.backends.remote.endpoint import Endpoint
from inference.backends.remote.refusals import LostConnection


@dataclass(slots=True)
class Attempt:
    """`error` is None while it goes on."""

    endpoint: Endpoint
    error: Exception | None = None
    _trials: int = field(init=False)

    def __post_init__(self) -> None:
        self._trials = self.endpoint.trials

    @property
    def is_outdated(self) -> bool:
        """The engine was checked after the attempt began, and serves again: its failure says nothing new.

        Where several machines share one address, all requests of one that dies fail, some of them later.
        """
        return self._trials != self.endpoint.trials


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
