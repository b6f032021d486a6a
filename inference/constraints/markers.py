"""Markers in text that arrives in pieces."""

from collections.abc import Iterable


def held_back(text: str, markers: Iterable[str]) -> int:
    """Returns the length of the longest end of `text` that is an incomplete beginning of one of `markers`."""
    longest = 0
    for marker in markers:
        for length in range(min(len(marker) - 1, len(text)), longest, -1):
            if marker.startswith(text[-length:]):
                longest = length
                break
    return longest


def first_of(text: str, markers: Iterable[str]) -> tuple[str, str, str] | None:
    """Splits at the marker that comes first: what is before it, the marker, and the rest."""
    found = [(place, marker) for marker in markers if (place := text.find(marker)) >= 0]
    if not found:
        return None
    place, marker = min(found)
    return text[:place], marker, text[place + len(marker) :]
