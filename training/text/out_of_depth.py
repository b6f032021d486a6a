"""What the model cannot do: knowledge, news, opinions, other people's work. All of it has one answer."""

from training.text.arithmetic import LARGEST, written_sum
from training.text.copied_text import characters, letters
from training.text.phrasings import sayings
from training.text.speaker import Speaker, Utterance
from training.text.topics import random_topics

WEIGHTS = {"knowledge": 9, "now": 6, "work": 7, "maths": 7, "opinion": 6, "personal": 3, "errands": 7}
NOISE_SHARE = 0.04


def out_of_depth(speaker: Speaker) -> Utterance:
    (name,) = speaker.rng.choices([*WEIGHTS], [*WEIGHTS.values()])
    group, language = sayings("out_of_depth")[name], speaker.language
    topics = random_topics(speaker)
    if name == "maths":
        topics["big"], topics["few"] = _big_sum(speaker), str(speaker.between(2, 20))
    sentence = _noise(speaker) if speaker.chance(NOISE_SHARE) else speaker.say(group.phrasings, **topics)
    return Utterance("out_of_depth", sentence, group.answers[language], group.thoughts[language])


def _noise(speaker: Speaker) -> str:
    """What a cat types."""
    if speaker.language == "zh":
        return characters(speaker, speaker.between(2, 6))
    return " ".join(letters(speaker) + letters(speaker) for _ in range(speaker.between(1, 2)))


def _big_sum(speaker: Speaker) -> str:
    """Return a sum beyond those of `arithmetic`, mostly with numbers of two digits."""
    sign = speaker.choose("+-*")
    operands = [
        speaker.between(LARGEST[sign] + 1, 99) if speaker.chance(0.65) else speaker.between(100, 999),
        speaker.between(2, 99 if speaker.chance(0.75) else 999),
    ]
    speaker.rng.shuffle(operands)
    return written_sum(speaker, operands[0], sign, operands[1])
