"""How far a clock may jump before anybody notices it. `docs/clocks.md` says what happens in each place."""

from datetime import timedelta
from typing import Final

STEP_BACK: Final = timedelta(hours=1)  # tokens issued before it are still taken
STEP_AHEAD: Final = timedelta(days=2)  # what has expired by such a clock is not forgotten yet
