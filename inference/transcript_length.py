"""How many tokens a transcript may have, by the length of the recording."""

import math
from typing import Final

FEWEST: Final = 16  # whatever the length
A_SECOND: Final = 20  # speech at twice the usual speed has 13 in English and 11 in Chinese


def most_transcript_tokens(seconds: float) -> int:
    """A model that is sure of nothing repeats itself; what it writes beyond this was not said."""
    return FEWEST + math.ceil(A_SECOND * seconds)
