"""What an engine reports about a request. No torch, so that the pool can import it."""

from inference.errors import InferenceError
from inference.types import Delta

Event = Delta | InferenceError
Outcome = tuple[int, Event]  # the request's key, and what happened to it; a finish or an error is its last
