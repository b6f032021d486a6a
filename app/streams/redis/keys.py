"""What Redis has of a recorded response, and how long.

A hash says what it is and how far it is. A stream has its chunks, then its end: the id of an entry is the
number of its last chunk. The braces keep both on one shard of a cluster.
"""

from typing import Final

KEY_PREFIX: Final = "gateway:streams"
RUNNING_TTL_SECONDS: Final = 900  # longer than any request; then a response whose gateway has failed is gone
LEASE_SECONDS: Final = 3  # after which a gateway that does not renew it has failed
RENEW_SECONDS: Final = 1.0
READER_TTL_SECONDS: Final = 3


def state_key(recording_id: str) -> str:
    return f"{KEY_PREFIX}:{{{recording_id}}}"


def chunks_key(recording_id: str) -> str:
    return f"{KEY_PREFIX}:{{{recording_id}}}:chunks"


def reader_key(recording_id: str) -> str:
    """Exists while another gateway has a reader of it."""
    return f"{KEY_PREFIX}:{{{recording_id}}}:reader"


def lease_key(gateway_id: str) -> str:
    return f"{KEY_PREFIX}:lease:{gateway_id}"


def stops_key(gateway_id: str) -> str:
    """A set of responses that a gateway is asked to stop."""
    return f"{KEY_PREFIX}:stops:{gateway_id}"
