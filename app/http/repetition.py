"""Tells when a model repeats itself, as speech recognition does where it understands nothing."""

import re
from typing import Final

_EXAMINED: Final = 400  # the last characters of a text
_FEWEST: Final = 24  # characters that are repetitions; "no, no, no, no" is said by people
_LOOP: Final = re.compile(r"(.{1,60}?)\1{5,}\Z", re.DOTALL)


def without_loop(text: str) -> str:
    """The same text; words that are repeated at its end, as `RepetitionWatch` finds them, are there once."""
    loop = _LOOP.search(text)
    if loop is None or len(loop.group()) < _FEWEST:
        return text
    period, start = len(loop.group(1)), loop.start()
    while start > 0 and text[start - 1] == text[start - 1 + period]:
        start -= 1
    return text[: start + period]


class RepetitionWatch:
    """Of one text, which arrives in pieces."""

    def __init__(self) -> None:
        self._end = ""

    def is_loop(self, piece: str) -> bool:
        """Whether the text, `piece` appended to it, ends with the same words six times."""
        self._end = (self._end + piece)[-_EXAMINED:]
        loop = _LOOP.search(self._end)
        return loop is not None and len(loop.group()) >= _FEWEST
