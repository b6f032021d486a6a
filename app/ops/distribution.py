"""Values of one kind, such as seconds, remembered well enough to ask for quantiles.

Each is put into a step of 5 %, so that any number of them takes at most some hundred counters.
"""

import math
from collections import defaultdict
from collections.abc import Iterable
from typing import Final, Self

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

STEP: Final = 1.05
LOWEST: Final = 1e-4
HIGHEST: Final = 1e4
_LOG_STEP: Final = math.log(STEP)


class Distribution:
    """Used by one thread. Values outside `LOWEST` … `HIGHEST` count as the nearest of the two."""

    __slots__ = ("_counts",)

    def __init__(self) -> None:
        self._counts: defaultdict[int, int] = defaultdict(int)

    @classmethod
    def merged(cls, parts: Iterable[Self]) -> Self:
        whole = cls()
        counts = whole._counts
        for part in parts:
            for step, count in part._counts.items():
                counts[step] += count
        return whole

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        """In JSON it is an object of its counters."""
        return core_schema.no_info_after_validator_function(
            cls._of_counts,
            core_schema.dict_schema(core_schema.int_schema(), core_schema.int_schema(ge=0)),
            serialization=core_schema.plain_serializer_function_ser_schema(lambda one: dict(one._counts)),
        )

    @classmethod
    def _of_counts(cls, counts: dict[int, int]) -> Self:
        made = cls()
        made._counts.update(counts)
        return made

    def __len__(self) -> int:
        return sum(self._counts.values())

    def add(self, value: float) -> None:
        if not LOWEST <= value <= HIGHEST:
            value = min(max(value, LOWEST), HIGHEST)
        self._counts[round(math.log(value) / _LOG_STEP)] += 1

    def quantile(self, share: float) -> float | None:
        """The value that `share` (0 … 1) of all are not above, within 2.5 %; None when there are none."""
        rank = max(1, math.ceil(share * len(self)))
        for step in sorted(self._counts):
            rank -= self._counts[step]
            if rank <= 0:
                return float(STEP**step)
        return None
