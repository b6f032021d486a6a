"""Why a command could not do its work, in one sentence that says what to do."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

FAILED = 1
CALLED_WRONGLY = 2


class CommandFailed(Exception):
    def __init__(self, sentence: str, exit_code: int = FAILED) -> None:
        super().__init__(sentence)
        self.exit_code = exit_code


@contextmanager
def exit_with_sentence() -> Iterator[None]:
    """Turns a `CommandFailed` into its sentence on standard error and its exit code."""
    try:
        yield
    except CommandFailed as error:
        print(f"gateway: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
