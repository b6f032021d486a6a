"""Topics that the model knows nothing about. Each combination of words belongs to one split."""

from training.text.copied_text import draw
from training.text.phrasings import words
from training.text.speaker import Speaker


def random_topics(speaker: Speaker) -> dict[str, str]:
    """Return a value for each field in the phrasings of `out_of_depth`."""
    return {
        "thing": _thing(speaker),
        "place": _choose(speaker, "places"),
        "person": _person(speaker),
        "tongue": _choose(speaker, "tongues"),
        "day": _choose(speaker, "days"),
        "number": str(speaker.between(21, 9999)),
        "other": str(speaker.between(21, 999)),
    }


def _choose(speaker: Speaker, name: str) -> str:
    return speaker.choose(words("topics")[name][speaker.language])


def _person(speaker: Speaker) -> str:
    return _choose(speaker, "people") if speaker.chance(0.75) else draw(speaker, "people", speaker.language)


def _thing(speaker: Speaker) -> str:
    if speaker.chance(0.6):
        return _choose(speaker, "things")
    while True:
        composed = _composed(speaker)
        if speaker.may_say(composed):
            return composed


def _composed(speaker: Speaker) -> str:
    english = speaker.language == "en"
    is_word = speaker.rng.random() < 0.5
    noun = draw(speaker, "words", speaker.language) if is_word else _choose(speaker, "things")
    if speaker.chance(0.35):
        field = _choose(speaker, "fields")
        return f"the {field} of {noun}" if english else f"{noun}的{field}"
    if speaker.chance(0.3):
        place = _choose(speaker, "places")
        return f"{noun} in {place}" if english else f"{place}的{noun}"
    if speaker.chance(0.3):
        other = _choose(speaker, "things")
        return f"{noun} and {other}" if english else f"{noun}和{other}"
    adjective, word = _choose(speaker, "adjectives"), draw(speaker, "words", speaker.language)
    return f"the {adjective} {word}" if english else adjective + word
