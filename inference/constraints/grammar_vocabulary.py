"""llguidance over a model's vocabulary: grammars to constraints. The only module that imports the library."""

import random
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np
from llguidance import LLMatcher, LLTokenizer
from llguidance._lib import LLParserLimits

from inference.constraints.token_constraint import Words
from inference.errors import InvalidGrammar

TRIED_TOKENS = 48
TRIED_SECONDS = 0.1  # of a processor
MAX_FORCED_BYTES = 32_768
TOO_LONG = f"must not demand texts of more than {MAX_FORCED_BYTES} bytes"
ENDLESS = "is too complex: following it takes too much time or memory"


@dataclass(frozen=True, slots=True)
class Limits:
    """Of llguidance. With its defaults one token may take tens of milliseconds, and 500 MB of states."""

    initial_lexer_fuel: int = 1_000_000
    step_lexer_fuel: int = 100_000
    step_max_items: int = 25_000
    max_items_in_row: int = 2_000
    max_lexer_states: int = 25_000
    max_grammar_size: int = 200_000


class GrammarVocabulary:
    """Built once per model, in seconds for 150,000 tokens; any thread."""

    def __init__(
        self,
        token_bytes: list[bytes],
        special_token_ids: list[int],
        eos_token_ids: list[int],
        encode: Callable[[str], list[int]] | None = None,
    ) -> None:
        """`encode` writes forced text as the model would; None writes it in the longest tokens. No text has
        special tokens."""
        known = [token_id for token_id in eos_token_ids if token_id < len(token_bytes)]
        wrapped = _Tokenizer(token_bytes, special_token_ids, known[0], encode, self._encode_greedily)
        self._tokenizer = LLTokenizer(
            wrapped,  # type: ignore[arg-type]  # has what TokenizerWrapper has
            n_vocab=len(token_bytes),
            eos_token=known,
        )
        self._limits = LLParserLimits(**asdict(Limits()), verbose_errors=False)

    def _encode_greedily(self, text: str) -> list[int]:
        return self._tokenizer.greedy_tokenize(text)

    def compile(self, grammar: str, field: str = "response_format") -> "GrammarConstraint":
        """Returns a constraint at the beginning of a grammar that `try_grammar` accepts.

        `field` is the request's part that errors name.
        """
        return GrammarConstraint(self._match(grammar), self._tokenizer, field)

    def try_grammar(self, grammar: str) -> str | None:
        """Compiles it and follows the beginning of a response. Returns the compiler's message, or None.

        Some grammars exceed the limits only after some tokens.
        """
        matcher = self._match(grammar)
        end = time.process_time() + TRIED_SECONDS
        generator = random.Random(0)  # noqa: S311 - always the same response
        for _ in range(TRIED_TOKENS):
            if matcher.is_error() or matcher.is_stopped() or time.process_time() > end:
                break
            allowed = np.frombuffer(matcher.compute_bitmask(), dtype=np.uint8)
            if matcher.is_error():
                break
            forced = matcher.compute_ff_tokens()
            if forced:
                if len(self._tokenizer.decode_bytes(forced)) > MAX_FORCED_BYTES:
                    return TOO_LONG
                matcher.consume_tokens(forced)
                continue
            token_ids = np.flatnonzero(np.unpackbits(allowed, bitorder="little"))
            matcher.consume_token(int(generator.choice(token_ids)))
        return matcher.get_error() or None

    def is_regex(self, regex: str) -> bool:
        return not self._match(f"start: TEXT\nTEXT: /{regex}/").is_error()

    def _match(self, grammar: str) -> LLMatcher:
        return LLMatcher(self._tokenizer, grammar, log_level=0, limits=self._limits)


class GrammarConstraint:
    """See `TokenConstraint`."""

    def __init__(self, matcher: LLMatcher, tokenizer: LLTokenizer, field: str) -> None:
        self._matcher = matcher
        self._tokenizer = tokenizer
        self._field = field

    def fork(self) -> "GrammarConstraint":
        """A constraint in the same state. The compiled grammar is shared."""
        return GrammarConstraint(self._matcher.deep_copy(), self._tokenizer, self._field)

    @property
    def is_complete(self) -> bool:
        return self._matcher.is_stopped() and not self._matcher.is_error()

    def fill_mask(self, words: Words) -> None:
        self._matcher.unsafe_compute_mask_ptr(words.ctypes.data, words.nbytes)
        self._check()

    def consume(self, token_id: int) -> None:
        self._matcher.consume_token(token_id)
        self._check()

    def accepts_text(self, text: str) -> bool:
        token_ids = self._tokenizer.tokenize_str(text)
        if self._matcher.validate_tokens(token_ids) < len(token_ids):
            return False
        self._matcher.consume_tokens(token_ids)
        self._check()
        return True

    def forced_tokens(self) -> list[int]:
        return self._matcher.compute_ff_tokens()

    def _check(self) -> None:
        if self._matcher.is_error():
            raise InvalidGrammar(self._field, ENDLESS)


class _Tokenizer:
    """A vocabulary as `LLTokenizer` takes it."""

    is_tokenizer_wrapper = True
    bos_token_id = None

    def __init__(
        self,
        token_bytes: list[bytes],
        special_token_ids: list[int],
        eos_token_id: int,
        encode: Callable[[str], list[int]] | None,
        encode_greedily: Callable[[str], list[int]],
    ) -> None:
        # Its marker of special tokens is a byte that is in no text.
        self.tokens = [b"" if token.startswith(b"\xff") else token for token in token_bytes]
        self.special_token_ids = special_token_ids
        self.eos_token_id = eos_token_id
        self._encode = encode
        self._encode_greedily = encode_greedily

    def __call__(self, text: bytes | str) -> list[int]:
        """A tokenizer that normalises text writes another one, which the grammar would refuse."""
        wanted = text.encode() if isinstance(text, str) else text
        if self._encode is not None:
            token_ids = self._encode(wanted.decode())
            if b"".join(self.tokens[token_id] for token_id in token_ids) == wanted:
                return token_ids
        return self._encode_greedily(wanted.decode())
