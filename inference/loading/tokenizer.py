"""The tokenizer of a checkpoint: text of the template is trusted, text of a person is not.

If a person types `<|assistant|>` or `<|image|>`, these characters are encoded, never the token. It uses
`tokenizers` alone: importing transformers would double the start time.
"""

import json
from collections.abc import Iterable

from tokenizers import Tokenizer

from inference.errors import InvalidCheckpoint
from inference.loading.chat_template import WrittenText
from inference.loading.checkpoint import JSON, Checkpoint

TOKENIZER = "tokenizer.json"


class TextTokenizer:
    """Made by `load_model`. Immutable; any thread."""

    def __init__(self, description: JSON) -> None:
        """`description` is the content of a tokenizer.json. Raises ValueError if it is not valid."""
        value = description.get("added_tokens")
        added = [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
        self._trusted = Tokenizer.from_str(json.dumps(description))
        self._reply = Tokenizer.from_str(json.dumps(description))
        self._reply.encode_special_tokens = True  # the library's name for encoding them as text
        all_special = [{**each, "special": True} for each in added]
        self._plain = Tokenizer.from_str(json.dumps({**description, "added_tokens": all_special}))
        self._plain.encode_special_tokens = True
        self.all_special_ids = [int(each["id"]) for each in added if each.get("special")]

    def encode_template(self, text: str) -> list[int]:
        """Encodes special tokens in `text` as tokens."""
        return self._trusted.encode(text, add_special_tokens=False).ids

    def encode_text(self, text: str, is_reply: bool = False) -> list[int]:
        """Encodes special tokens as text, but tags such as <think> in the model's own reply as tokens."""
        tokenizer = self._reply if is_reply else self._plain
        return tokenizer.encode(text, add_special_tokens=False).ids

    def encode_rendered(self, pieces: Iterable[str | WrittenText]) -> list[int]:
        """Encodes what `ChatTemplate.render` returns."""
        token_ids: list[int] = []
        for piece in pieces:
            if isinstance(piece, str):
                token_ids += self.encode_template(piece)
            else:
                token_ids += self.encode_text(piece.text, piece.is_reply)
        return token_ids

    def convert_ids_to_tokens(self, ids: int) -> str | None:
        """Returns the token as the vocabulary spells it, or None for an id that it does not have."""
        return self._trusted.id_to_token(ids)

    def token_id(self, token: str) -> int | None:
        return self._trusted.token_to_id(token)

    def decode(self, token_ids: list[int], skip_special_tokens: bool = True) -> str:
        return self._trusted.decode(token_ids, skip_special_tokens=skip_special_tokens)


def load_tokenizer(checkpoint: Checkpoint) -> TextTokenizer:
    description = checkpoint.require_json(TOKENIZER)
    try:
        return TextTokenizer(description)
    except Exception as error:  # tokenizers raises bare Exception
        raise InvalidCheckpoint(
            f"The {TOKENIZER} of the checkpoint {checkpoint.name} is not a valid tokenizer; get it again."
        ) from error
