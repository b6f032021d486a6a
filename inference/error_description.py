"""An exception for a log: types and frames, since the message may quote what a client sent."""

import traceback
from typing import Any

MAX_FRAMES = 20
MAX_CHAIN = 5  # exceptions that caused one another


def describe_error(
    error: BaseException | None, with_message: tuple[type[BaseException], ...]
) -> list[dict[str, Any]]:
    """The exception and what caused it, the outermost first. Those of `with_message` keep their messages."""
    chain: list[dict[str, Any]] = []
    while error is not None and len(chain) < MAX_CHAIN:
        frames = traceback.extract_tb(error.__traceback__)[-MAX_FRAMES:]
        described: dict[str, Any] = {
            "type": f"{type(error).__module__}.{type(error).__qualname__}",
            "frames": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
        }
        if isinstance(error, with_message):
            described["message"] = str(error)
        chain.append(described)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return chain
