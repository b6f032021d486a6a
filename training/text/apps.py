"""Names of apps. Answers spell known ones properly, and others as they were written."""

from training.text.copied_text import characters, draw, letters, unknown_word
from training.text.phrasings import words
from training.text.speaker import Speaker

UNSPOKEN = "Q"  # a Chinese name with this letter cannot be transcribed in characters alone
UNKNOWN = 0.3
FOREIGN = 0.06
# In lower case a name reads like a noun, as in "open the camera".
LOWER_CASE = 0.35


def random_app(speaker: Speaker) -> tuple[str, str]:
    """Return the name as the speaker says it, and as the answer spells it."""
    language, known = speaker.language, words("apps")["known"]
    if speaker.spoken:
        name = speaker.choose([each for each in known[language] if language == "en" or UNSPOKEN not in each])
        return name, name
    if speaker.chance(UNKNOWN):
        name = _unknown(speaker)
        return name, name
    if speaker.chance(FOREIGN):
        language = "zh" if language == "en" else "en"
    name = speaker.choose(known[language])
    return (name.lower() if language == "en" and speaker.chance(LOWER_CASE) else name), name


def _unknown(speaker: Speaker) -> str:
    is_other = speaker.chance(0.6)
    if is_other and speaker.split == "held_out":
        return speaker.choose(words("apps")["others"][speaker.language])
    while True:
        name = _any_name(speaker) if is_other else _two_words(speaker)
        if speaker.may_say(name):
            return name


def _two_words(speaker: Speaker) -> str:
    first, second = (speaker.choose(words("apps")[name][speaker.language]) for name in ("first", "second"))
    return f"{first} {second}" if speaker.language == "en" else first + second


def _any_name(speaker: Speaker) -> str:
    if speaker.language == "zh":
        name = characters(speaker, speaker.between(2, 4))
        return name if speaker.chance(0.7) else draw(speaker, "words", "zh") + name[:2]
    chance = speaker.rng.random()
    if chance < 0.4:
        lists = words("copied_text")
        return speaker.choose(lists["common"]["en"] + lists["words"]["en"]).capitalize()
    return (unknown_word(speaker) if chance < 0.7 else letters(speaker)).capitalize()
