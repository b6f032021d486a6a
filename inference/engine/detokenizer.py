"""Token ids to text, one id at a time, for byte-level tokenizers. Tags and stop strings come later.

It works on bytes, not on decoded strings: a character is returned with the token of its last byte, and no
token is decoded twice.
"""

import codecs
from collections.abc import Callable

from inference.engine.language_model import Vocabulary

TokenBytes = Callable[[int], bytes]

_PRINTABLE = (*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100))


def byte_alphabet() -> dict[str, int]:
    """GPT-2's alphabet: the character that stands for each byte in a byte-level vocabulary."""
    alphabet = {chr(byte): byte for byte in _PRINTABLE}
    spare = (byte for byte in range(256) if byte not in _PRINTABLE)
    return alphabet | {chr(256 + index): byte for index, byte in enumerate(spare)}


def make_token_bytes(vocabulary: Vocabulary, shown: frozenset[str]) -> TokenBytes:
    """Returns a cached look-up from a token id to its bytes.

    Special tokens and unknown ids have none, except for the special tokens named in `shown`.
    """
    alphabet = byte_alphabet()
    special_ids = frozenset(vocabulary.all_special_ids)
    cache: dict[int, bytes] = {}

    def token_bytes(token_id: int) -> bytes:
        known = cache.get(token_id)
        if known is not None:
            return known
        token = vocabulary.convert_ids_to_tokens(token_id) or ""
        if token_id in special_ids and token not in shown:
            token = ""
        try:
            value = bytes([alphabet[character] for character in token])
        except KeyError:
            value = token.encode()
        cache[token_id] = value
        return value

    return token_bytes


class Detokenizer:
    """One per sequence. Bytes that are not valid UTF-8 become U+FFFD."""

    def __init__(self, token_bytes: TokenBytes) -> None:
        self._token_bytes = token_bytes
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode

    def push(self, token_id: int) -> str:
        """Returns the characters that this token completes. Incomplete ones at the end are dropped."""
        return self._decode(self._token_bytes(token_id))
