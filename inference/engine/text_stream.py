"""Sampled token ids to the caller's text: decodes characters, separates reasoning and tool calls, checks stop
strings."""

from enum import Enum, auto
from typing import Final, NamedTuple

from inference.constraints.call_parser import BEGIN_CALL, CallParser
from inference.constraints.markers import held_back
from inference.engine.detokenizer import Detokenizer, TokenBytes
from inference.engine.reasoning import ANSWER, MIN_STARTED_TAG, TAGS, THINK, ReasoningSplitter
from inference.types import ToolCallDelta

TAG_BYTES: Final = frozenset(tag.encode() for tag in TAGS)
OPENING_TAGS: Final = (THINK.encode(), ANSWER.encode())


class Piece(NamedTuple):
    """What can be emitted after a token."""

    text: str = ""
    reasoning: str = ""
    tool_calls: tuple[ToolCallDelta, ...] = ()


NOTHING: Final = Piece()


class Phase(Enum):
    """Of a response. FREE text goes on until its end, or until it begins a tool call."""

    FREE = auto()
    OPENING = auto()  # of a constrained response: the next token begins a thought or the answer
    THINKING = auto()
    ANSWER = auto()  # every token is part of a constrained answer
    CALLS = auto()  # every token is part of tool calls


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


class CallTrigger:
    """Finds the first BEGIN_CALL in free text. White space directly before it is layout, and is dropped."""

    def __init__(self) -> None:
        self._held = ""
        self.has_dropped = False

    def push(self, piece: str) -> tuple[str, str | None]:
        """Returns the text that can be emitted, and what follows BEGIN_CALL once it is there."""
        buffer = self._held + piece
        before, marker, rest = buffer.partition(BEGIN_CALL)
        if marker:
            self._held = ""
            return before.rstrip(), rest
        ready = len(buffer) - held_back(buffer, (BEGIN_CALL,))
        ready = len(buffer[:ready].rstrip())
        self._held = buffer[ready:]
        return buffer[:ready], None

    def flush(self, is_cut_off: bool) -> str:
        """The beginning of a tag that was cut off is dropped; a single "<" is text."""
        held, self._held = self._held, ""
        started = held_back(held, (BEGIN_CALL,))
        if is_cut_off and started >= MIN_STARTED_TAG:
            self.has_dropped = True
            return held[:-started].rstrip()
        return held


class TextStream:
    """One per sequence. Counts the tokens that are sampled while the model is reasoning.

    `is_typed`: the answer is constrained and is passed on as it is. `call_parser` reads the tool calls of a
    response that may have some. `keep_tags`: see `ReasoningSplitter`.
    """

    def __init__(
        self,
        token_bytes: TokenBytes,
        stop: tuple[str, ...],
        is_reasoning: bool,
        keep_tags: bool = False,
        *,
        is_typed: bool = False,
        call_parser: CallParser | None = None,
    ) -> None:
        self._token_bytes = token_bytes
        self._detokenizer = Detokenizer(token_bytes)
        self._splitter = ReasoningSplitter(is_reasoning, keep_tags)
        self._stop_checker = StopChecker(stop) if any(stop) else None
        self._call_parser = call_parser
        self._trigger = CallTrigger() if call_parser is not None and not is_typed else None
        self._undecided: str | None = "" if is_typed and call_parser is not None else None
        self.after_trigger = ""  # what one token wrote after BEGIN_CALL
        self.reasoning_tokens = 0
        self.is_stopped = False
        self.has_dropped_end = False  # the last tokens are not part of the text
        self.phase = Phase.FREE
        if is_typed:
            self.phase = Phase.THINKING if is_reasoning else Phase.OPENING

    @property
    def has_calls(self) -> bool:
        return self._call_parser is not None and self._call_parser.num_calls > 0

    @property
    def is_text(self) -> bool:
        """The last token is part of the text, not of a thought or a tool call."""
        return not self._splitter.is_reasoning and self.phase in (Phase.FREE, Phase.ANSWER)

    def push(self, token_id: int) -> Piece:
        """Returns what can be emitted after this token."""
        if self._splitter.is_reasoning:
            self.reasoning_tokens += 1
        piece = self._detokenizer.push(token_id)
        match self.phase:
            case Phase.FREE:
                return self._split(piece) if piece else NOTHING
            case Phase.OPENING:
                return self._open(token_id, piece)
            case Phase.THINKING:
                return self._think(piece)
        return self.push_constrained(piece)

    def push_constrained(self, piece: str) -> Piece:
        """Text of a constrained answer, or of tool calls."""
        if self.phase is Phase.CALLS:
            assert self._call_parser is not None
            return Piece(tool_calls=tuple(self._call_parser.push(piece)))
        if self._undecided is None:
            return Piece(self._check_stop(piece))
        self._undecided += piece
        if self._undecided.startswith(BEGIN_CALL):
            written, self._undecided = self._undecided, None
            self.phase = Phase.CALLS
            return self.push_constrained(written[len(BEGIN_CALL) :])
        if BEGIN_CALL.startswith(self._undecided):
            return Piece()
        written, self._undecided = self._undecided, None
        return Piece(self._check_stop(written))

    def flush(self, is_cut_off: bool) -> Piece:
        """Returns the text held back at the end. `is_cut_off`: the model did not end the text itself."""
        if self.is_stopped or self.phase is Phase.CALLS:
            self.has_dropped_end = True
            return Piece()
        text, reasoning = self._splitter.flush(is_cut_off)
        if self._trigger is not None:
            text = self._trigger.push(text)[0] + self._trigger.flush(is_cut_off)
            self.has_dropped_end = self._trigger.has_dropped
        if self._undecided:
            self.has_dropped_end = True  # it began a call
        if self._stop_checker is not None:
            text = self._check_stop(text) + self._stop_checker.flush()
        return Piece(text, reasoning)

    def _open(self, token_id: int, piece: str) -> Piece:
        """A tag is one token here; `Guide` allows no other."""
        if self._token_bytes(token_id) in OPENING_TAGS:
            shown = Piece(*self._splitter.push(piece))
            if self._splitter.is_reasoning:
                self.phase = Phase.THINKING
            return shown
        self.phase = Phase.ANSWER
        return self.push_constrained(piece)

    def _think(self, piece: str) -> Piece:
        """What a token writes after the end of the thought is dropped: nothing constrained it."""
        reasoning = self._splitter.push(piece)[1]
        if not self._splitter.is_reasoning:
            self.phase = Phase.OPENING
        return Piece(reasoning=reasoning)

    def _split(self, piece: str) -> Piece:
        text, reasoning = self._splitter.push(piece)
        if text and self._trigger is not None:
            text, rest = self._trigger.push(text)
            text = self._check_stop(text)
            if rest is not None and not self.is_stopped:
                self.phase, self.after_trigger = Phase.CALLS, rest
                if self._stop_checker is not None:
                    text += self._stop_checker.flush()
        elif self._stop_checker is not None:
            text = self._check_stop(text)
        return Piece(text, reasoning)

    def _check_stop(self, text: str) -> str:
        if self._stop_checker is None:
            return text
        text = self._stop_checker.push(text)
        self.is_stopped = self._stop_checker.is_stopped
        return text
