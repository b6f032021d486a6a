"""Waiting: do(action="Wait", duration="2 seconds"), always in seconds, which is what phone agents read."""

from training.text.numbers import in_words
from training.text.phrasings import sayings, words
from training.text.speaker import Speaker, Utterance


def wait(speaker: Speaker) -> Utterance:
    waiting = sayings("waiting")["wait"]
    seconds, duration = _duration(speaker)
    return Utterance(
        "wait",
        speaker.say(waiting.phrasings, duration=duration),
        f'do(action="Wait", duration="{seconds} seconds")',
        waiting.thoughts[speaker.language].format(seconds),
    )


def _duration(speaker: Speaker) -> tuple[int, str]:
    """Return 1 to 60 seconds, half a minute, 1 to 5 minutes or a moment of 2 seconds, and words for them."""
    english = speaker.language == "en"
    if speaker.chance(0.06):
        return 2, speaker.choose(words("waiting")["moment"][speaker.language])
    if speaker.chance(0.06):
        return 30, "half a minute" if english else "半分钟"
    in_minutes = speaker.chance(0.2)
    number = speaker.between(1, 5 if in_minutes else 60 if speaker.chance(0.4) else 10)
    if english:
        unit = "minute" if in_minutes else "sec" if not speaker.spoken and speaker.chance(0.2) else "second"
        unit += "s" * (number > 1)
        said = in_words(number, "en")
        if number == 1 and speaker.chance(0.3):
            said = "a"
    else:
        unit = "分钟" if in_minutes else speaker.choose(("秒", "秒", "秒钟"))
        said = "两" if number == 2 else in_words(number, "zh")
    if not speaker.spoken and speaker.chance(0.55):
        said = str(number)
    return number * (60 if in_minutes else 1), f"{said} {unit}" if english else said + unit
