"""How much of a bounded queue batch requests may take, so that interactive ones always find a place."""

RESERVED_SHARE = 4  # one of so many places is for interactive requests only


def most_of_batch(capacity: int) -> int:
    """Of the places, or whatever the queue counts. A queue with a single place is shared."""
    return capacity if capacity < 2 else capacity - max(1, capacity // RESERVED_SHARE)
