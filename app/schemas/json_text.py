"""JSON that a client sends as the text of a string, such as the arguments of a tool's call.

A body's values are counted while it is read; these are counted here, since a text of a million values takes
seconds to parse and examine, in which nobody else is served.
"""

import re
from itertools import islice
from typing import Any, Final

import orjson

from app.sentence import Sentence

MAX_PARTS: Final = 60_000  # of all texts of a request: as many as 20,000 members of an object have
TOO_MANY_PARTS: Final = Sentence(
    "must not have more than {count} strings, commas and opening brackets", count=MAX_PARTS
)

# A string that is not closed goes to the end: looking for another one in it would take quadratic time.
_PART: Final = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[{,]', re.DOTALL)


class JSONTexts:
    """Those of one request: made by who validates it, and handed to validators as pydantic's context."""

    def __init__(self) -> None:
        self._parts_left = MAX_PARTS

    def parse(self, text: str) -> Any:  # Any: what JSON holds
        """Raises ValueError with `TOO_MANY_PARTS`, and JSONDecodeError, which also is one."""
        self._parts_left -= sum(1 for _ in islice(_PART.finditer(text), self._parts_left + 1))
        if self._parts_left < 0:
            self._parts_left = 0
            raise ValueError(TOO_MANY_PARTS)
        return orjson.loads(text)  # refuses NaN and lone surrogates, also escaped
