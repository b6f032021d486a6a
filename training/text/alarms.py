"""Alarms: do(action="Alarm", time="07:30"), our own action, on the 24-hour clock."""

from training.text.phrasings import sayings
from training.text.speaker import Speaker, Utterance
from training.text.times import random_time, said_time


def alarm(speaker: Speaker) -> Utterance:
    setting = sayings("alarms")["alarm"]
    said, time = said_time(speaker, random_time(speaker))
    return Utterance(
        "alarm",
        speaker.say(setting.phrasings, time=said),
        f'do(action="Alarm", time="{time}")',
        setting.thoughts[speaker.language].format(time),
    )
