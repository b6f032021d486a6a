"""The interface between the engine and a grammar: what may follow in one response, token by token."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.int32]  # (vocab / 32,): bit n of word w allows token 32 * w + n


class TokenConstraint(Protocol):
    """One per response. One thread at a time calls it.

    Raises `InvalidGrammar` where following the response would take too much time or memory.
    """

    @property
    def is_complete(self) -> bool:
        """Nothing can follow but the end of the response."""
        ...

    def fill_mask(self, words: Words) -> None:
        """Overwrites `words`. The tokens that end a response are allowed where it may end."""
        ...

    def consume(self, token_id: int) -> None:
        """The token must be allowed."""
        ...

    def accepts_text(self, text: str) -> bool:
        """Consumes text that is already part of the response, or nothing if it is not allowed."""
        ...

    def forced_tokens(self) -> list[int]:
        """Returns the next tokens if there is only one way to go on. They are not consumed."""
        ...


def words_for(vocab_size: int) -> int:
    return -(-vocab_size // 32)


def allow(words: Words, token_ids: tuple[int, ...]) -> None:
    """Sets the tokens' bits."""
    bits = words.view(np.uint32)
    for token_id in token_ids:
        bits[token_id // 32] |= np.uint32(1 << token_id % 32)
