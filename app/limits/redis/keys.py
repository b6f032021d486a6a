"""The names under which Redis has the limits of users."""

from typing import Final

KEY_PREFIX: Final = "gateway:limits"


def user_key(user_id: str, name: str) -> str:
    """A key of one user. The braces keep all keys of a user on one shard of a cluster."""
    return f"{KEY_PREFIX}:{{{user_id}}}:{name}"
