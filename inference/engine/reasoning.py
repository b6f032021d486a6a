"""Splits `<think>…</think><answer>…</answer>` while it streams. It works on text, not on tokens.

No part of a tag is ever emitted: a tail that may become a tag is held back until the next text decides.
"""

import re
from typing import Final

THINK: Final = "<think>"
TAGS: Final = (THINK, "</think>", "<answer>", "</answer>")

_TAG = re.compile("|".join(TAGS))
_MIN_STARTED_TAG = 2  # characters: a single "<" is text, "<t" where the output is cut off begins a tag


def held_back(text: str, markers: tuple[str, ...]) -> int:
    """Returns the length of the longest end of `text` that is an incomplete beginning of one of `markers`."""
    longest = 0
    for marker in markers:
        for length in range(min(len(marker) - 1, len(text)), longest, -1):
            if marker.startswith(text[-length:]):
                longest = length
                break
    return longest


class ReasoningSplitter:
    """One per sequence. White space directly after a tag is layout, and is dropped."""

    def __init__(self, is_reasoning: bool = False) -> None:
        self.is_reasoning = is_reasoning
        self._held = ""
        self._is_after_tag = False

    def push(self, piece: str) -> tuple[str, str]:
        """Returns the (text, reasoning) that can be emitted now."""
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
        """Returns the text that was held back. The beginning of a tag that was cut off is dropped."""
        held, self._held = self._held, ""
        if is_cut_off and len(held) >= _MIN_STARTED_TAG:
            return "", ""
        return self._route(held)

    def _route(self, piece: str) -> tuple[str, str]:
        if self._is_after_tag:
            piece = piece.lstrip()
            self._is_after_tag = not piece
        return ("", piece) if self.is_reasoning else (piece, "")
