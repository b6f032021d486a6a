"""Repeat after me: the answer is the text and nothing else."""

from training.text.copied_text import copied_text
from training.text.phrasings import sayings
from training.text.speaker import Speaker, Utterance


def repeat(speaker: Speaker) -> Utterance:
    repeating = sayings("repeat")["repeat"]
    text = copied_text(speaker)
    sentence = speaker.say(repeating.phrasings, text=text)
    return Utterance("repeat", sentence, text, repeating.thoughts[speaker.language])
