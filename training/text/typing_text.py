"""Writing into the field that has the focus: do(action="Type", text="...")."""

from training.text.copied_text import copied_text, dictated_text
from training.text.phrasings import sayings
from training.text.speaker import Speaker, Utterance


def type_text(speaker: Speaker) -> Utterance:
    typing = sayings("typing_text")["dictate" if speaker.spoken else "type"]
    text = dictated_text(speaker) if speaker.spoken else copied_text(speaker, most_words=6)
    return Utterance(
        "type",
        speaker.say(typing.phrasings, text=text),
        f'do(action="Type", text="{text}")',
        typing.thoughts[speaker.language],
    )
