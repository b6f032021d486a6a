"""Moving without a name or a place: swipes, back, home, and the end of a task.

A swipe is named by the finger, a scroll by what comes into view: "swipe up" and "scroll down" are the same
movement.
"""

from training.text.phrasings import sayings
from training.text.speaker import Speaker, Utterance

UP, DOWN, LEFT, RIGHT = "up", "down", "left", "right"  # where the finger goes
# In thousandths of width and height, as in the examples of the published model.
SWIPES = {
    UP: "start=[500,800], end=[500,200]",
    DOWN: "start=[500,200], end=[500,800]",
    LEFT: "start=[800,500], end=[200,500]",
    RIGHT: "start=[200,500], end=[800,500]",
}
FINGER = {
    "en": {UP: "up", DOWN: "down", LEFT: "left", RIGHT: "right"},
    "zh": {UP: "上", DOWN: "下", LEFT: "左", RIGHT: "右"},
}
SCROLLED = {
    "en": {UP: "down", DOWN: "up", LEFT: "right", RIGHT: "left"},
    "zh": {UP: "下", DOWN: "上", LEFT: "右", RIGHT: "左"},
}
ENDS = {UP: "to_the_end", DOWN: "to_the_start"}
ENDS_SHARE = 0.15  # of swipes


def swipe(speaker: Speaker) -> Utterance:
    known = sayings("navigation")
    if speaker.chance(ENDS_SHARE):
        finger = speaker.choose(tuple(ENDS))
        swiping = known[ENDS[finger]]
        sentence = speaker.say(swiping.phrasings)
    else:
        finger = speaker.choose((UP, DOWN, LEFT, RIGHT))
        name, ways = speaker.choose((("swipe", FINGER), ("scroll", SCROLLED)))
        swiping = known[name]
        sentence = speaker.say(swiping.phrasings, way=ways[speaker.language][finger])
    thinking = swiping.thoughts[speaker.language].format(FINGER[speaker.language][finger])
    return Utterance("swipe", sentence, f'do(action="Swipe", {SWIPES[finger]})', thinking)


def back(speaker: Speaker) -> Utterance:
    return _plain("back", speaker, 'do(action="Back")')


def home(speaker: Speaker) -> Utterance:
    return _plain("home", speaker, 'do(action="Home")')


def finish(speaker: Speaker) -> Utterance:
    message = sayings("navigation")["finish"].answers[speaker.language]
    return _plain("finish", speaker, f'finish(message="{message}")')


def _plain(kind: str, speaker: Speaker, answer: str) -> Utterance:
    asking = sayings("navigation")[kind]
    return Utterance(kind, speaker.say(asking.phrasings), answer, asking.thoughts[speaker.language])
