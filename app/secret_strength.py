"""How hard a password is to guess, by zxcvbn, which knows words, names, dates, keyboards and repetitions.

Importing it takes 50 ms and 14 MB, so that production alone does.
"""

import re
from collections.abc import Iterable
from typing import Final

from zxcvbn import zxcvbn

MIN_LENGTH: Final = 12
STRONGEST: Final = 4  # zxcvbn's highest score: more than 10^10 guesses
_LOOKED_AT: Final = 72  # characters; its time grows with their cube
# What examples of this kind of service are full of adds nothing, wherever it stands.
_SAMPLES: Final = re.compile(
    "admin|autoglm|change|default|example|gateway|guest|passwor[dt]|postgres|redis|replace|sample|secret|test|user",
    re.IGNORECASE,
)


def is_strong(password: str, known: Iterable[str] = ()) -> bool:
    """`known` is what stands beside it: the user, the host, the database."""
    if len(password) < MIN_LENGTH:
        return False
    rest = _SAMPLES.sub("", password)[:_LOOKED_AT]
    words = [word for word in known if word]
    return bool(rest) and bool(zxcvbn(rest, user_inputs=words)["score"] >= STRONGEST)
