"""Tells when a model repeats itself, as speech recognition does where it understands nothing."""

import re
from typing import Final

_EXAMINED: Final = 400  # the last characters of a text
_FEWEST: Final = 24  # characters that are repetitions; "no, no, no, no" is said by people
_LOOP: Final = re.compile(r"(.{1,60}?)\1{5,}\Z", re.DOTALL)


class RepetitionWatch:
    """Of one text, which arrives in pieces."""

    def __init__(self) -> None:
        self._end = ""

    def is_loop(self, piece: str) -> bool:
        """Whether the text, `piece` appended to it, ends with the same words six times."""
        self._end = (self._end + piece)[-_EXAMINED:]
        loop = _LOOP.search(self._end)
        return loop is not None and len(loop.group()) >= _FEWEST
