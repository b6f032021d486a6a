"""Opening apps: do(action="Launch", app="WeChat")."""

from training.text.apps import random_app
from training.text.phrasings import sayings
from training.text.speaker import Speaker, Utterance


def launch(speaker: Speaker) -> Utterance:
    opening = sayings("launch")["launch"]
    said, name = random_app(speaker)
    return Utterance(
        "launch",
        speaker.say(opening.phrasings, app=said),
        f'do(action="Launch", app="{name}")',
        opening.thoughts[speaker.language].format(name),
    )
