"""The embedded model's byte-level BPE: every text has tokens, and every token has bytes."""

import json
from collections.abc import Iterator
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from inference.config import EMBEDDED_MODEL
from inference.loading.tokenizer import TextTokenizer

CHAT_TEMPLATE = Path(__file__).with_name("chat_template.jinja")
VOCAB_SIZE = 4096
MAX_TOKEN_BYTES = 12  # four Chinese characters; without it whole sentences of ours become tokens

END_OF_TEXT = "<|endoftext|>"
USER = "<|user|>"
IMAGE = "<|image|>"
AUDIO = "<|audio|>"
CONTROL_TOKENS = (
    END_OF_TEXT,
    "<|system|>",
    USER,
    "<|assistant|>",
    "<|begin_of_image|>",
    IMAGE,
    "<|end_of_image|>",
    "<|begin_of_audio|>",
    AUDIO,
    "<|end_of_audio|>",
)
TAGS = ("<think>", "</think>", "<answer>", "</answer>")  # tokens, but part of the text

# Words with their space, runs of Chinese, single digits (coordinates!), runs of signs, runs of blanks.
WORDS = r" ?[\p{L}&&[^\p{Han}]]+|\p{Han}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"


def train_tokenizer(texts: Iterator[str]) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(WORDS), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCAB_SIZE - len(CONTROL_TOKENS) - len(TAGS),
        max_token_length=MAX_TOKEN_BYTES,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.add_special_tokens(list(CONTROL_TOKENS))
    tokenizer.add_tokens([AddedToken(tag, normalized=False) for tag in TAGS])
    return tokenizer


def load_tokenizer(directory: Path = EMBEDDED_MODEL) -> Tokenizer:
    return Tokenizer.from_file(str(directory / "tokenizer.json"))


def read_text_tokenizer(directory: Path = EMBEDDED_MODEL) -> TextTokenizer:
    return TextTokenizer(json.loads((directory / "tokenizer.json").read_text("utf-8")))
