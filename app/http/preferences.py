"""What a request prefers (RFC 7240): `Prefer: resumable` and `Prefer: respond-async`."""

from typing import Final, Literal

from starlette.datastructures import Headers

Preference = Literal["resumable", "respond-async"]
PREFERENCE_APPLIED: Final = b"preference-applied"


def prefers(headers: Headers, preference: Preference) -> bool:
    """Preferences have parameters and values, which are ignored, and any case."""
    return any(
        item.partition(";")[0].strip().lower() == preference
        for value in headers.getlist("prefer")
        for item in value.split(",")
    )
