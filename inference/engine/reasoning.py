"""Splits `<think>…</think><answer>…</answer>` while it streams. It works on text, not on tokens.

No part of a tag is ever emitted: a tail that may become a tag is held back until the next text decides.
"""

import re
from typing import Final

from inference.constraints.markers import held_back

THINK: Final = "<think>"
END_OF_THOUGHT: Final = "</think>"
ANSWER: Final = "<answer>"
END_OF_ANSWER: Final = "</answer>"
TAGS: Final = (THINK, END_OF_THOUGHT, ANSWER, END_OF_ANSWER)
ACTIONS: Final = ("do(", "finish(")  # beginnings of a phone agent's actions

_TAG = re.compile("|".join(TAGS))
_LONGEST_ACTION = max(map(len, ACTIONS))
MIN_STARTED_TAG = 2  # characters: a single "<" is text, "<t" where the output is cut off begins a tag


class ReasoningSplitter:
    """One per sequence. White space directly after a tag is layout, and is dropped.

    With `keep_tags`, the output of a model that thinks keeps its tags and white space. Only `</answer>` is
    dropped after an action, which agents parse up to the end of the text, and where no `<answer>` is open.
    """

    def __init__(self, is_reasoning: bool = False, keep_tags: bool = False) -> None:
        """`is_reasoning`: the prompt ends with `<think>`."""
        self.is_reasoning = is_reasoning
        self.has_only_end = False  # of a thought: its text was emitted before it was known to be one
        self._has_begun = is_reasoning  # a thought, ever
        self._keep_tags = keep_tags
        self._shows_tags = keep_tags and is_reasoning
        self._held = THINK if self._shows_tags else ""
        self._answer: str | None = None  # as far as needed to recognise an action
        self._is_after_tag = False

    def push(self, piece: str) -> tuple[str, str]:
        """Returns the (text, reasoning) that can be emitted now."""
        buffer = self._held + piece if self._held else piece
        if "<" not in buffer:
            self._held = ""
            if self._is_after_tag or self._answer is not None:
                return self._route(buffer)
            return ("", buffer) if self.is_reasoning else (buffer, "")
        text, reasoning, start = "", "", 0
        for tag in _TAG.finditer(buffer):
            shown = self._route(buffer[start : tag.start()])
            text, reasoning = text + shown[0], reasoning + shown[1]
            shown = self._enter(tag.group())
            text, reasoning = text + shown[0], reasoning + shown[1]
            start = tag.end()
        rest = buffer[start:]
        undecided = held_back(rest, TAGS)
        self._held = rest[len(rest) - undecided :]
        shown = self._route(rest[: len(rest) - undecided])
        return text + shown[0], reasoning + shown[1]

    def flush(self, is_cut_off: bool) -> tuple[str, str]:
        """Returns the text that was held back. The beginning of a tag that was cut off is dropped."""
        held, self._held = self._held, ""
        if is_cut_off and len(held) >= MIN_STARTED_TAG:
            return "", ""
        return self._route(held)

    def _enter(self, tag: str) -> tuple[str, str]:
        """Returns the tag where it is shown."""
        self.is_reasoning = tag == THINK
        self._has_begun |= self.is_reasoning
        self.has_only_end |= tag == END_OF_THOUGHT and not self._has_begun
        self._shows_tags |= self._keep_tags and self.is_reasoning
        is_shown = self._shows_tags
        if tag == ANSWER:
            self._answer = ""
        elif tag == END_OF_ANSWER:
            is_action = self._answer is None or self._answer.startswith(ACTIONS)
            self._answer = None
            is_shown &= not is_action
        self._is_after_tag = not is_shown
        if not is_shown:
            return "", ""
        return ("", tag) if tag in (THINK, END_OF_THOUGHT) else (tag, "")

    def _route(self, piece: str) -> tuple[str, str]:
        if self._is_after_tag:
            piece = piece.lstrip()
            self._is_after_tag = not piece
        if self._answer is not None and len(self._answer) < _LONGEST_ACTION:
            self._answer = (self._answer + piece).lstrip()[:_LONGEST_ACTION]
        return ("", piece) if self.is_reasoning else (piece, "")
