"""Text that the model has to copy: for typing and for repeating. Any combination of words is in one split.

Copying is only learned from what cannot be guessed: a model that had copied only words and phrases of the
lists returned three natural sentences in four as a phrase with the same beginning. So half of what is copied
in training makes no sense, and held-out speakers also say sentences of their own.
"""

from string import ascii_lowercase

from training.example import Language
from training.text.numbers import in_words
from training.text.phrasings import words
from training.text.speaker import Speaker

# GB 2312's first level: the 3,755 usual characters.
COMMON_ZH = tuple(
    bytes((row, cell)).decode("gb2312")
    for row in range(0xB0, 0xD8)
    for cell in range(0xA1, 0xFA if row == 0xD7 else 0xFF)
)
MARKS = ("!", "?", ".", "...")
SENTENCE_SHARE = 0.5  # of what held-out speakers say


def draw(speaker: Speaker, name: str, language: Language) -> str:
    """Return an item of a list of `phrasings/copied_text.toml`."""
    return speaker.choose(words("copied_text")[name][language])


def copied_text(speaker: Speaker, most_words: int = 8) -> str:
    """Return one to `most_words` words or numbers, mostly in the speaker's language; or a sentence."""
    if speaker.split == "held_out" and speaker.chance(SENTENCE_SHARE):
        return draw(speaker, "sentences", speaker.language)
    while True:
        text = _any_text(speaker, most_words)
        if speaker.may_say(text):
            return text


def dictated_text(speaker: Speaker) -> str:
    """Return a few words that can be spoken, and written down in one way only."""
    if speaker.split == "train" and speaker.chance(0.4):
        return draw(speaker, "phrases", speaker.language)
    while True:
        if speaker.language == "zh":
            text = "".join(draw(speaker, "words", "zh") for _ in range(speaker.between(1, 3)))
        else:
            text = " ".join(draw(speaker, "words", "en") for _ in range(speaker.between(1, 4)))
        if speaker.may_say(text):
            return text


def _any_text(speaker: Speaker, most_words: int) -> str:
    chance = speaker.rng.random()
    if chance < 0.12:
        return _phrase(speaker)
    if chance < 0.22:
        return _number(speaker)
    if chance < 0.3:
        return " ".join(unknown_word(speaker) for _ in range(speaker.between(1, 3)))
    if chance < 0.35:
        return _mixed(speaker)
    if chance < 0.5:
        return _words(speaker, speaker.between(1, most_words))
    return _senseless(speaker, most_words)


def _senseless(speaker: Speaker, most_words: int) -> str:
    """Return usual characters or words, made-up ones and parts of phrases: none follows from the others."""
    if speaker.language == "zh":
        pieces = [_senseless_zh(speaker) for _ in range(speaker.between(1, 3))]
        text = ("" if speaker.chance(0.85) else "，").join(pieces)
        return text + speaker.choose("！？。") if speaker.chance(0.1) else text
    text = " ".join(_senseless_en(speaker) for _ in range(speaker.between(1, most_words + 1)))
    if speaker.chance(0.4):
        text = text[:1].upper() + text[1:]
    return text + speaker.choose(MARKS) if speaker.chance(0.15) else text


def _senseless_zh(speaker: Speaker) -> str:
    chance = speaker.rng.random()
    if chance < 0.55:
        return characters(speaker, speaker.between(1, 4))
    if chance < 0.8:
        phrase = draw(speaker, "phrases", "zh")
        start = speaker.between(0, len(phrase) - 1)
        return phrase[start : start + speaker.between(1, 4)]
    return draw(speaker, "words", "zh")


def _senseless_en(speaker: Speaker) -> str:
    chance = speaker.rng.random()
    if chance < 0.6:
        return draw(speaker, "common", "en")
    if chance < 0.75:
        return draw(speaker, "words", "en")
    if chance < 0.9:
        return speaker.choose(draw(speaker, "phrases", "en").split())
    return letters(speaker)


def characters(speaker: Speaker, count: int) -> str:
    """Return common Chinese characters, drawn one by one."""
    return "".join(speaker.choose(COMMON_ZH) for _ in range(count))


def letters(speaker: Speaker) -> str:
    """Return random letters, which is what a rare name is to a model that never saw it."""
    return "".join(speaker.choose(ascii_lowercase) for _ in range(speaker.between(2, 7)))


def _phrase(speaker: Speaker) -> str:
    if speaker.language == "zh":
        text = draw(speaker, "phrases", "zh")
        if speaker.chance(0.4):
            text = "，".join((draw(speaker, "people", "zh"), text))
        return text + speaker.choose("！？。") if speaker.chance(0.25) else text
    text = draw(speaker, "phrases", "en")
    if speaker.chance(0.4):
        is_first = speaker.chance(0.5)
        name = draw(speaker, "people", "en")
        text = f"{name}, {text}" if is_first else f"{text}, {name}"
    if speaker.chance(0.4):
        text = text[0].upper() + text[1:]
    return text + speaker.choose(MARKS) if speaker.chance(0.25) else text


def _words(speaker: Speaker, count: int) -> str:
    if speaker.language == "zh":
        between = "" if speaker.chance(0.7) else speaker.choose(" ，")
        return between.join(draw(speaker, "words", "zh") for _ in range(min(count, 5)))
    between = " " if speaker.chance(0.85) else ", "
    text = between.join(
        draw(speaker, "people" if speaker.chance(0.06) else "words", "en") for _ in range(count)
    )
    return text.title() if speaker.chance(0.05) else text.upper() if speaker.chance(0.03) else text


def _number(speaker: Speaker) -> str:
    digits = "".join(speaker.choose("0123456789") for _ in range(speaker.between(1, 8)))
    if speaker.chance(0.3):
        return " ".join(
            in_words(speaker.between(0, 99), speaker.language) for _ in range(speaker.between(1, 4))
        )
    return digits if speaker.chance(0.7) else " ".join(digits)


def unknown_word(speaker: Speaker) -> str:
    """Return a made-up word."""
    word = "".join(draw(speaker, "syllables", "en") for _ in range(speaker.between(2, 4)))
    return word.capitalize() if speaker.chance(0.2) else word


def _mixed(speaker: Speaker) -> str:
    parts = [
        draw(speaker, "words", "zh"),
        draw(speaker, "words", "en"),
        str(speaker.between(0, 999)),
        draw(speaker, "phrases", "zh"),
    ]
    speaker.rng.shuffle(parts)
    return speaker.choose(("", " ", " ")).join(parts[: speaker.between(2, 3)])
