"""Times rewritten: "a quarter past nine in the evening" is 21:15, and 21:15 is 9:15 pm (晚上9点15分)."""

from training.text.phrasings import sayings
from training.text.speaker import Speaker, Utterance
from training.text.times import Time, random_time, said_time

PARTS_ZH = ((6, "凌晨"), (12, "上午"), (13, "中午"), (18, "下午"))  # each until that hour


def clock(speaker: Speaker) -> Utterance:
    time = random_time(speaker)
    if speaker.chance(0.7):
        rewriting = sayings("clock")["to_24_hours"]
        said, time = said_time(speaker, time, exact=True)
        answer = str(time)
    else:
        rewriting = sayings("clock")["to_12_hours"]
        said, answer = str(time), _twelve_hours(speaker, time)
    thinking = rewriting.thoughts[speaker.language].format(time)
    return Utterance("clock", speaker.say(rewriting.phrasings, time=said), answer, thinking)


def _twelve_hours(speaker: Speaker, time: Time) -> str:
    hour = (time.hour - 1) % 12 + 1
    if speaker.language == "en":
        return f"{hour}:{time.minute:02} {'am' if time.hour < 12 else 'pm'}"
    part = next((part for until, part in PARTS_ZH if time.hour < until), "晚上")
    hour = 0 if time.hour == 0 else hour
    return f"{part}{hour}点" + (f"{time.minute}分" if time.minute else "")
