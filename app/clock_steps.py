"""How far a clock may jump without any effect that users see. docs/clocks.md describes each case."""

from datetime import timedelta
from typing import Final

STEP_BACK: Final = timedelta(hours=1)  # tokens issued before it are still accepted
STEP_AHEAD: Final = timedelta(days=2)  # what has expired by such a clock is not deleted yet
