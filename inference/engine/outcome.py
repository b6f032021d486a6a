"""What an engine reports about a request. Imports no torch, so that the pool can import it."""

from inference.errors import InferenceError
from inference.types import Delta

Event = Delta | InferenceError
Outcome = tuple[int, Event]  # the request's key, and the event; a finish reason or an error is the last one
