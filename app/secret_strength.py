"""How hard a password is to guess, by zxcvbn, which knows words, names, dates, keyboards and repetitions.

Importing it takes 50 ms and 14 MB, so only production imports it.
"""

import re
from collections.abc import Iterable
from typing import Final

from zxcvbn import zxcvbn

MIN_LENGTH: Final = 12
STRONGEST: Final = 4  # zxcvbn's highest score: more than 10^10 guesses
_MAX_EXAMINED: Final = 72  # characters; the time that zxcvbn takes grows with their cube
# Words that are common in examples for such services add no strength, wherever they occur.
_SAMPLES: Final = re.compile(
    "admin|autoglm|change|default|example|gateway|guest|passwor[dt]|postgres|redis|replace|sample|secret|test|user",
    re.IGNORECASE,
)


def is_strong(password: str, context: Iterable[str] = ()) -> bool:
    """`context` has what the same URL contains: the user, the host, the database."""
    if len(password) < MIN_LENGTH:
        return False
    rest = _SAMPLES.sub("", password)[:_MAX_EXAMINED]
    words = [word for word in context if word]
    return bool(rest) and bool(zxcvbn(rest, user_inputs=words)["score"] >= STRONGEST)
