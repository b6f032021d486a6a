"""Times of day as people say them. Without a part of the day they mean what a 24-hour clock shows."""

from dataclasses import dataclass

from training.text.numbers import in_words
from training.text.speaker import Speaker

# Part of the day: the hours at which people use the word. "in the evening" is never said of 03:00.
PARTS_EN = {
    "in the morning": range(1, 12),
    "in the afternoon": range(12, 18),
    "in the evening": range(17, 24),
}
NIGHT_EN = range(20, 24)
PARTS_ZH = {
    "凌晨": range(1, 6),
    "早上": range(5, 12),
    "上午": range(7, 12),
    "中午": range(12, 13),
    "下午": range(13, 19),
    "晚上": range(18, 24),
}


@dataclass(frozen=True, slots=True)
class Time:
    hour: int  # 0 to 23
    minute: int

    def __str__(self) -> str:
        return f"{self.hour:02}:{self.minute:02}"


def random_time(speaker: Speaker) -> Time:
    """Half hours, quarters and fives are in both splits; the other minutes of an hour are in one of them."""
    while True:
        hour = speaker.between(0, 23) if speaker.chance(0.4) else speaker.between(5, 22)
        draw = speaker.rng.random()
        if draw < 0.25:
            return Time(hour, 0)
        if draw < 0.45:
            return Time(hour, 30)
        if draw < 0.8:
            return Time(hour, 5 * speaker.between(0, 11))
        time = Time(hour, speaker.between(0, 59))
        if time.minute % 5 == 0 or speaker.may_say(str(time)):
            return time


def said_time(speaker: Speaker, time: Time, *, exact: bool = False) -> tuple[str, Time]:
    """Words for `time`, and the time that they mean: without a part of the day an hour loses its half.

    `exact`: words that mean `time` and no other.
    """
    said_with_part = exact or speaker.chance(0.6)
    english = speaker.language == "en"
    words = (_english if english else _chinese)(speaker, time, said_with_part)
    if words:
        return words, time
    hour = time.hour if exact or speaker.chance(0.4) else (time.hour - 1) % 12 + 1
    meant = Time(hour, time.minute)
    return _plain_english(speaker, meant) if english else _plain_chinese(speaker, meant), meant


def _english(speaker: Speaker, time: Time, with_part: bool) -> str:
    """Words with a part of the day, or "" where there are none."""
    if time == Time(12, 0) and speaker.chance(0.5):
        return speaker.choose(("noon", "twelve noon"))
    if time == Time(0, 0) and speaker.chance(0.7):
        return "midnight"
    if not with_part:
        return ""
    if not speaker.spoken and speaker.chance(0.45):
        half = "am" if time.hour < 12 else "pm"
        half = speaker.choose((half, f" {half}", f" {half}", f" {half.upper()}", f" {half[0]}.{half[1]}."))
        hour = (time.hour - 1) % 12 + 1
        return (f"{hour}" if time.minute == 0 and speaker.chance(0.6) else f"{hour}:{time.minute:02}") + half
    parts = [part for part, hours in PARTS_EN.items() if time.hour in hours]
    if time.hour in NIGHT_EN:
        parts.append("at night")
    if not parts:
        return ""
    return f"{_twelve_hours(speaker, time)} {speaker.choose(parts)}"


def _twelve_hours(speaker: Speaker, time: Time) -> str:
    hour, following = (time.hour - 1) % 12 + 1, time.hour % 12 + 1
    if not speaker.spoken and speaker.chance(0.4):
        return f"{hour}:{time.minute:02}" if time.minute or speaker.chance(0.5) else f"{hour}"
    name, next_name = in_words(hour, "en"), in_words(following, "en")
    forms = [_hour_and_minute(name, time.minute)]
    if time.minute == 0:
        forms += [f"{name} o'clock", name]
    elif time.minute == 15:
        forms += [f"a quarter past {name}", f"quarter past {name}"]
    elif time.minute == 30:
        forms += [f"half past {name}"]
    elif time.minute == 45 and time.hour not in (11, 23):
        forms += [f"a quarter to {next_name}", f"quarter to {next_name}"]
    elif time.minute % 5 == 0 and time.minute < 30:
        forms += [f"{in_words(time.minute, 'en')} past {name}"]
    elif time.minute % 5 == 0 and time.hour not in (11, 23):
        forms += [f"{in_words(60 - time.minute, 'en')} to {next_name}"]
    return speaker.choose(forms)


def _hour_and_minute(hour: str, minute: int) -> str:
    if minute == 0:
        return f"{hour} o'clock"
    return f"{hour} oh {in_words(minute, 'en')}" if minute < 10 else f"{hour} {in_words(minute, 'en')}"


def _plain_english(speaker: Speaker, time: Time) -> str:
    if 1 <= time.hour <= 12 and (speaker.spoken or speaker.chance(0.6)):
        return _twelve_hours(speaker, time)
    if speaker.spoken:
        hour = in_words(time.hour, "en")
        return _hour_and_minute(hour, time.minute) if time.minute else f"{hour} hundred hours"
    return str(time) if speaker.chance(0.7) else f"{time.hour}:{time.minute:02}"


def _chinese(speaker: Speaker, time: Time, with_part: bool) -> str:
    parts = [part for part, hours in PARTS_ZH.items() if time.hour in hours]
    if not with_part or not parts:
        return ""
    part = speaker.choose(parts)
    hour = (time.hour - 1) % 12 + 1
    # 10:45 in the morning may be called a quarter to eleven; 11:45 would be a quarter to noon.
    if time.minute == 45 and time.hour not in (5, 11, 12, 18, 23) and speaker.chance(0.15):
        return f"{part}差一刻{_hour_zh(time.hour % 12 + 1)}点"
    return part + _on_the_hour_zh(speaker, hour, time.minute)


def _plain_chinese(speaker: Speaker, time: Time) -> str:
    if not speaker.spoken and speaker.chance(0.3):
        return str(time) if speaker.chance(0.5) else f"{time.hour}:{time.minute:02}"
    return _on_the_hour_zh(speaker, time.hour, time.minute)


def _on_the_hour_zh(speaker: Speaker, hour: int, minute: int) -> str:
    if not speaker.spoken and speaker.chance(0.4):
        forms = [f"{hour}点{minute:02}分", f"{hour}点{minute:02}", f"{hour}:{minute:02}"]
        if minute == 0:
            forms = [f"{hour}点", f"{hour}点", f"{hour}点整", f"{hour}:00"]
        elif minute == 30:
            forms.append(f"{hour}点半")
        return speaker.choose(forms)
    name = _hour_zh(hour)
    if minute == 0:
        return speaker.choose((f"{name}点", f"{name}点", f"{name}点整", f"{name}点钟"))
    minutes = ("零" if minute < 10 else "") + in_words(minute, "zh")
    forms = [f"{name}点{minutes}分", f"{name}点{minutes}"]
    if minute in (15, 30, 45):
        forms += [f"{name}点{ {15: '一刻', 30: '半', 45: '三刻'}[minute] }"] * 2
    return speaker.choose(forms)


def _hour_zh(hour: int) -> str:
    return "两" if hour == 2 else in_words(hour, "zh")
