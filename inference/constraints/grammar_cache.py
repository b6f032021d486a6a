"""What became of earlier grammars: compiled ones, bounded by their bytes, and refusals, kept for a while."""

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from inference.constraints.call_parser import ArgumentTypes
from inference.constraints.token_constraint import TokenConstraint
from inference.errors import InvalidGrammar

REFUSAL_SECONDS: Final = 60.0  # perhaps the machine was busy
MAX_REFUSALS: Final = 4096


@dataclass(frozen=True, slots=True)
class CompiledGrammar:
    """The constraint of one response, and the types of its tools' arguments."""

    constraint: TokenConstraint
    types: Mapping[str, ArgumentTypes]


@dataclass(frozen=True, slots=True)
class KeptGrammar:
    """`fork` makes the constraint of a response. `num_bytes` is what compiling took, and keeping may take."""

    fork: Callable[[], TokenConstraint]
    types: Mapping[str, ArgumentTypes]
    num_bytes: int

    def begin(self) -> CompiledGrammar:
        return CompiledGrammar(self.fork(), self.types)


@dataclass(frozen=True, slots=True)
class Refused:
    """The fields of an `InvalidGrammar`."""

    field: str
    reason: str
    path: tuple[str, ...] | None = None

    def to_error(self) -> InvalidGrammar:
        return InvalidGrammar(self.field, self.reason, self.path)


class GrammarCache:
    """Not safe for several threads. Keys are digests; the grammars used least recently are dropped."""

    def __init__(self, max_bytes: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.num_bytes = 0
        self._max_bytes = max_bytes
        self._clock = clock
        self._kept: OrderedDict[bytes, KeptGrammar] = OrderedDict()
        self._refused: OrderedDict[bytes, tuple[float, Refused]] = OrderedDict()  # the oldest is first

    def get(self, key: bytes) -> KeptGrammar | Refused | None:
        kept = self._kept.get(key)
        if kept is not None:
            self._kept.move_to_end(key)
            return kept
        self._forget_refusals()
        refused = self._refused.get(key)
        return None if refused is None else refused[1]

    def keep(self, key: bytes, grammar: KeptGrammar) -> None:
        """Does nothing with one that is larger than the cache."""
        if key in self._kept or grammar.num_bytes > self._max_bytes:
            return
        self._kept[key] = grammar
        self.num_bytes += grammar.num_bytes
        while self.num_bytes > self._max_bytes:
            self.num_bytes -= self._kept.popitem(last=False)[1].num_bytes

    def refuse(self, key: bytes, refused: Refused) -> None:
        self._refused.pop(key, None)
        self._refused[key] = self._clock() + REFUSAL_SECONDS, refused
        if len(self._refused) > MAX_REFUSALS:
            self._refused.popitem(last=False)

    def _forget_refusals(self) -> None:
        now = self._clock()
        while self._refused and next(iter(self._refused.values()))[0] <= now:
            self._refused.popitem(last=False)
