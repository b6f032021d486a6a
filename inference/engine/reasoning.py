"""Splits `<think>…</think><answer>…</answer>` while it streams. Knows text, not tokens.

No tag is ever shown, whole or in part: a tail that may become a tag is held back until it is decided.
"""

import re
from typing import Final

THINK: Final = "<think>"
TAGS: Final = (THINK, "</think>", "<answer>", "</answer>")

_TAG = re.compile("|".join(TAGS))
_MIN_STARTED_TAG = 2  # a lone "<" is text; "<t" at a cut-off end is the beginning of a tag


def held_back(text: str, markers: tuple[str, ...]) -> int:
    """Returns the length of the longest end of `text` that begins one of `markers` and is not all of it."""
    longest = 0
    for marker in markers:
        for length in range(min(len(marker) - 1, len(text)), longest, -1):
            if marker.startswith(text[-length:]):
                longest = length
                break
    return longest


class ReasoningSplitter:
    """One per sequence. White space right after a tag belongs to the layout and is dropped."""

    def __init__(self, is_reasoning: bool = False) -> None:
        self.is_reasoning = is_reasoning
        self._held = ""
        self._is_after_tag = False

    def push(self, piece: str) -> tuple[str, str]:
        """Returns (text, reasoning) that are certain now."""
        buffer = self._held + piece
        if "<" not in buffer:
            self._held = ""
            return self._route(buffer)
        text, reasoning, start = "", "", 0
        for tag in _TAG.finditer(buffer):
            shown = self._route(buffer[start : tag.start()])
            text, reasoning = text + shown[0], reasoning + shown[1]
            self.is_reasoning = tag.group() == THINK
            self._is_after_tag = True
            start = tag.end()
        rest = buffer[start:]
        undecided = held_back(rest, TAGS)
        self._held = rest[len(rest) - undecided :]
        shown = self._route(rest[: len(rest) - undecided])
        return text + shown[0], reasoning + shown[1]

    def flush(self, is_cut_off: bool) -> tuple[str, str]:
        """Returns what was held back. A tag that was cut off in its middle is dropped."""
        held, self._held = self._held, ""
        if is_cut_off and len(held) >= _MIN_STARTED_TAG:
            return "", ""
        return self._route(held)

    def _route(self, piece: str) -> tuple[str, str]:
        if self._is_after_tag:
            piece = piece.lstrip()
            self._is_after_tag = not piece
        return ("", piece) if self.is_reasoning else (piece, "")
