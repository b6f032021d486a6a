"""Why a command could not do its work, in one sentence that says what to do."""

FAILED = 1
CALLED_WRONGLY = 2


class CommandFailed(Exception):
    def __init__(self, sentence: str, exit_code: int = FAILED) -> None:
        super().__init__(sentence)
        self.exit_code = exit_code
