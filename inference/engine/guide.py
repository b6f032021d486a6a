"""What constrains one sequence: follows its response token by token, and knows which tokens may come next."""

import weakref
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np

from inference.constraints.token_constraint import TokenConstraint, Words, allow, words_for
from inference.engine.text_stream import Phase, Piece, TextStream
from inference.errors import InvalidGrammar


class Guide:
    """Created by the engine and used by its thread, except for `fill`, which another thread runs while the
    device computes. Nothing else is called between `fill`'s start and its end.

    `think_ids` and `answer_ids` are the tokens of these tags. They may open a response; the constraint does
    not know them.
    """

    def __init__(
        self,
        constraint: TokenConstraint,
        stream: TextStream,
        vocab_size: int,
        think_ids: tuple[int, ...] = (),
        answer_ids: tuple[int, ...] = (),
    ) -> None:
        self._constraint = constraint
        self._stream = stream
        self._answer_ids = answer_ids
        self._opening_ids = think_ids + answer_ids  # allowed beside what the constraint allows
        self._words: Words = np.full(words_for(vocab_size), -1, dtype=np.int32)
        self._filled: Future[None] | None = None
        self._error: InvalidGrammar | None = None
        self.is_active = stream.phase is Phase.OPENING

    @property
    def is_complete(self) -> bool:
        """Nothing can follow but the end of the response."""
        return self.is_active and self._stream.phase is not Phase.OPENING and self._constraint.is_complete

    def push(self, token_id: int) -> Piece:
        """Returns what can be emitted after this token. Raises `InvalidGrammar`."""
        if self._error is not None:
            raise self._error
        before = self._stream.phase
        piece = self._stream.push(token_id)
        match before, self._stream.phase:
            case (Phase.FREE, Phase.CALLS):
                self.is_active = True
                rest = self._stream.after_trigger
                if rest and self._constraint.accepts_text(rest):
                    calls = self._stream.push_constrained(rest).tool_calls
                    piece = piece._replace(tool_calls=calls)
            case (Phase.THINKING, Phase.OPENING):
                self.is_active, self._opening_ids = True, self._answer_ids
            case (Phase.OPENING, Phase.THINKING):
                self.is_active = False
            case (Phase.OPENING, Phase.OPENING):
                self._opening_ids = ()
            case (Phase.OPENING | Phase.ANSWER | Phase.CALLS, _):
                self._constraint.consume(token_id)
        return piece

    def forced_tokens(self) -> list[int]:
        """Returns the next tokens if there is only one way to go on."""
        if not self.is_active or (self._stream.phase is Phase.OPENING and self._opening_ids):
            return []
        return self._constraint.forced_tokens()

    def prepare(self, threads: ThreadPoolExecutor) -> None:
        """Begins to compute the mask of the next token."""
        self._filled = threads.submit(self.fill)

    def fill(self) -> None:
        try:
            self._constraint.fill_mask(self._words)
        except InvalidGrammar as error:
            self._error = error
            self._words.fill(-1)
            return
        if self._stream.phase is Phase.OPENING:
            allow(self._words, self._opening_ids)

    def mask(self) -> Words:
        """Returns the mask of the next token, as soon as it is computed."""
        assert self._filled is not None
        self._filled.result()
        return self._words


class MaskThreads:
    """The threads in which masks are computed: `llguidance` needs no interpreter lock. Owned by an engine."""

    def __init__(self, count: int) -> None:
        self.executor = ThreadPoolExecutor(count, thread_name_prefix="masks")
        weakref.finalize(self, self.executor.shutdown, wait=False)
