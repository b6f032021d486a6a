"""Sampled token ids to the caller's text: decodes characters, separates reasoning, checks stop strings."""

from inference.engine.detokenizer import Detokenizer, TokenBytes
from inference.engine.reasoning import ReasoningSplitter, held_back


class StopChecker:
    """Ends the text before the first stop string, which may span several tokens."""

    def __init__(self, stop: tuple[str, ...]) -> None:
        self._stop = tuple(marker for marker in stop if marker)
        self._held = ""
        self.is_stopped = False

    def push(self, piece: str) -> str:
        """Returns the text that cannot be part of a stop string any more."""
        if self.is_stopped or not self._stop:
            return "" if self.is_stopped else piece
        buffer = self._held + piece
        ends = [found for found in map(buffer.find, self._stop) if found >= 0]
        if ends:
            self.is_stopped = True
            self._held = ""
            return buffer[: min(ends)]
        undecided = held_back(buffer, self._stop)
        self._held = buffer[len(buffer) - undecided :]
        return buffer[: len(buffer) - undecided]

    def flush(self) -> str:
        held, self._held = self._held, ""
        return held


class TextStream:
    """One per sequence. Counts the tokens that are sampled while the model is reasoning."""

    def __init__(
        self, token_bytes: TokenBytes, stop: tuple[str, ...], is_reasoning: bool, keep_tags: bool = False
    ) -> None:
        self._detokenizer = Detokenizer(token_bytes)
        self._splitter = ReasoningSplitter(is_reasoning, keep_tags)
        self._stop_checker = StopChecker(stop) if any(stop) else None
        self.reasoning_tokens = 0
        self.is_stopped = False

    def push(self, token_id: int) -> tuple[str, str]:
        """Returns the (text, reasoning) that can be emitted after this token."""
        if self._splitter.is_reasoning:
            self.reasoning_tokens += 1
        piece = self._detokenizer.push(token_id)
        if not piece:
            return "", ""
        text, reasoning = self._splitter.push(piece)
        if self._stop_checker is None:
            return text, reasoning
        text = self._stop_checker.push(text)
        self.is_stopped = self._stop_checker.is_stopped
        return text, reasoning

    def flush(self, is_cut_off: bool) -> tuple[str, str]:
        """Returns the text held back at the end. `is_cut_off`: the model did not end the text itself."""
        if self.is_stopped:
            return "", ""
        text, reasoning = self._splitter.flush(is_cut_off)
        if self._stop_checker is not None:
            text = self._stop_checker.push(text) + self._stop_checker.flush()
        return text, reasoning
