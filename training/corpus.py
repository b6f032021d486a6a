"""Trains the tokenizer on what the generators say: `python -m training.corpus [directory]`."""

import random
import sys
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from inference.config import EMBEDDED_MODEL
from inference.types import Text
from training.checkpoint import write_tokenizer_files
from training.example import LANGUAGES, Turn
from training.text.commands import spoken_command
from training.text.examples import text_turn
from training.text.phrasings import sayings
from training.text.speaker import Speaker
from training.tokenizer import VOCAB_SIZE, train_tokenizer
from training.vision.examples import label_example, screen_example, shapes_example

SEED = 20_260_101
NUM_TEXTS = 150_000
NUM_RECORDINGS = 30_000
NUM_PICTURES = 4_000


def training_texts() -> Iterator[str]:
    rng = random.Random(SEED)
    turns: Iterator[Turn] = chain(
        (text_turn(rng, "train") for _ in range(NUM_TEXTS)),
        (
            turn
            for _ in range(NUM_PICTURES)
            for make in (screen_example, shapes_example, label_example)
            for turn in make(rng, "train").turns
        ),
    )
    questions = sayings("recordings")
    for _ in range(NUM_RECORDINGS):
        language = rng.choice(LANGUAGES)
        yield spoken_command(rng, "train", language).sentence
        yield Speaker(rng, "train", language).say(questions[rng.choice(("orders", "words"))].phrasings)
    for turn in turns:
        yield from (
            part.text for message in turn.messages for part in message.parts if isinstance(part, Text)
        )
        yield turn.answer
        yield turn.thinking


def main() -> None:
    directory = Path(sys.argv[1]) if len(sys.argv) > 1 else EMBEDDED_MODEL
    tokenizer = train_tokenizer(training_texts())
    assert tokenizer.get_vocab_size() == VOCAB_SIZE, "the examples do not fill the vocabulary"
    tokenizer.save(str(directory / "tokenizer.json"))
    write_tokenizer_files(directory)


if __name__ == "__main__":
    main()
