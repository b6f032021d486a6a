"""Touching a place given in thousandths of width and height, as in the answers of the model.

do(action="Tap", element=[500,120]); "Long Press" and "Double Tap" likewise.
"""

from training.text.phrasings import sayings, words
from training.text.speaker import Speaker, Utterance

MIDDLE_SHARE = 0.06


def tap(speaker: Speaker) -> Utterance:
    return _touch("tap", "Tap", speaker)


def long_press(speaker: Speaker) -> Utterance:
    return _touch("long_press", "Long Press", speaker)


def double_tap(speaker: Speaker) -> Utterance:
    return _touch("double_tap", "Double Tap", speaker)


def _touch(kind: str, action: str, speaker: Speaker) -> Utterance:
    touching = sayings("pointing")[kind]
    x, y, place = _place(speaker)
    thinking = touching.thoughts[speaker.language].format(f"[{x},{y}]")
    sentence = speaker.say(touching.phrasings, place=place)
    return Utterance(kind, sentence, f'do(action="{action}", element=[{x},{y}])', thinking)


def _place(speaker: Speaker) -> tuple[int, int, str]:
    """Return the coordinates, and how the speaker says them."""
    if speaker.chance(MIDDLE_SHARE):
        return 500, 500, speaker.choose(words("pointing")["middle"][speaker.language])
    x, y = _coordinates(speaker)
    form = speaker.choose(words("pointing")["coordinates"][speaker.language])
    return x, y, form.format(x=x, y=y)


def _coordinates(speaker: Speaker) -> tuple[int, int]:
    """Return two numbers from 0 to 999; two thirds of the pairs are multiples of 10 or 50."""
    while True:
        step = speaker.choose((1, 10, 50))
        x, y = (step * speaker.between(0, 999 // step) for _ in range(2))
        if speaker.may_say(f"{x},{y}"):
            return x, y
