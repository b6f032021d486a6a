"""What an engine reports about a request. Imports no torch, so that the pool can import it."""

from inference.errors import InferenceError
from inference.types import Delta

Event = Delta | InferenceError
Outcome = tuple[int, Event]  # the request's key, and the event


def is_last(event: Event) -> bool:
    """A finish reason or an error is the last event of a request."""
    return not isinstance(event, Delta) or event.finish_reason is not None
