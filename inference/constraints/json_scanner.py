"""Finds the end of one JSON value in text that arrives in pieces. The text is known to be JSON."""


class JsonScanner:
    """One per value. It is at the end of an object, an array or a string by itself; of a number or a literal
    at the first character that is not part of it."""

    def __init__(self) -> None:
        self.is_done = False
        self._depth = 0
        self._is_in_string = False
        self._is_escaped = False
        self._is_scalar = False

    def push(self, text: str) -> int:
        """Returns how many characters of `text` belong to the value."""
        for place, character in enumerate(text):
            if self._is_scalar and not (character.isalnum() or character in "+-."):
                self.is_done = True
                return place
            self._step(character)
            if self.is_done:
                return place + 1
        return len(text)

    def _step(self, character: str) -> None:
        if self._is_in_string:
            if self._is_escaped:
                self._is_escaped = False
            elif character == "\\":
                self._is_escaped = True
            elif character == '"':
                self._is_in_string = False
                self.is_done = self._depth == 0
        elif character == '"':
            self._is_in_string = True
        elif character in "{[":
            self._depth += 1
        elif character in "}]":
            self._depth -= 1
            self.is_done = self._depth == 0
        elif self._depth == 0 and not character.isspace():
            self._is_scalar = True
