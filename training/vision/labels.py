"""The words that stand on screens and signs: mostly of a closed list, which a small model reads best.

Held-out pictures use the same list. A model that knows nothing but a list reads one of it wherever something
is written, so some labels of the training are pairs of other words, and some held-out ones are words that no
picture of the training shows. Numbers are not from a list: see numbers.py.
"""

import random
from functools import cache

from training.example import Language, Split
from training.text.copied_text import draw, unknown_word
from training.text.phrasings import words
from training.text.speaker import Speaker

UNKNOWN_SHARE = 0.4  # of English labels that are not on the list
NUM_APPS = 44  # the best known of those that people ask to open
LISTED = ("settings", "apps", "actions", "fields", "tabs", "items", "titles", "balances", "signs")


def pool(name: str, language: Language) -> tuple[str, ...]:
    """A list of `phrasings/labels.toml`, or "apps"."""
    if name == "apps":
        return words("apps")["known"][language][:NUM_APPS]
    return words("labels")[name][language]


@cache
def all_labels(language: Language) -> tuple[str, ...]:
    """Returns every label once."""
    return tuple(dict.fromkeys(label for name in LISTED for label in pool(name, language)))


def unlisted_label(rng: random.Random, split: Split, language: Language) -> str:
    """Returns one or two usual words that are on no list of labels, or a made-up word."""
    speaker = Speaker(rng, split, language)
    while True:
        count = speaker.between(1, 2)
        if language == "zh":
            label = "".join(draw(speaker, "words", "zh") for _ in range(count))
        elif speaker.chance(UNKNOWN_SHARE):
            label = unknown_word(speaker).capitalize()
        else:
            label = " ".join(draw(speaker, "words", "en") for _ in range(count)).capitalize()
        if speaker.may_say(label) and label not in all_labels(language):
            return label
