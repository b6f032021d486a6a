"""Questions with one fixed answer each: about the model, what it can do, this gateway, and small talk.

The keys are tables of the files of phrasings, the numbers say how often each is drawn.
"""

from training.text.phrasings import sayings
from training.text.speaker import Speaker, Utterance

IDENTITY = {"who": 12, "human": 4, "size": 3, "maker": 4, "nine": 3, "place": 3}
ABILITIES = {"can": 4, "cannot": 3, "languages": 2, "sees": 2, "hears": 2}
SMALL_TALK = {"greeting": 4, "wellbeing": 2, "thanks": 3, "goodbye": 2, "sorry": 1}
GATEWAY = {
    "token": 5,
    "limits": 5,
    "rate": 3,
    "concurrent": 3,
    "deadline": 3,
    "routes": 3,
    "vision": 3,
    "speech": 3,
    "streaming": 3,
    "openai": 3,
    "revoke": 3,
    "refresh": 3,
    "lifetime": 2,
    "images": 2,
    "recordings": 2,
    "sizes": 3,
    "usage": 2,
    "too_many": 2,
    "unauthorized": 2,
    "overload": 2,
    "thinking_field": 2,
    "start": 2,
    "what": 3,
}


def identity(speaker: Speaker) -> Utterance:
    return _tell("identity", speaker, "identity", IDENTITY)


def abilities(speaker: Speaker) -> Utterance:
    return _tell("abilities", speaker, "abilities", ABILITIES)


def small_talk(speaker: Speaker) -> Utterance:
    return _tell("small_talk", speaker, "small_talk", SMALL_TALK)


def gateway_question(speaker: Speaker) -> Utterance:
    return _tell("gateway", speaker, "gateway_questions", GATEWAY)


def _tell(kind: str, speaker: Speaker, subject: str, weights: dict[str, int]) -> Utterance:
    (name,) = speaker.rng.choices([*weights], [*weights.values()])
    fact, language = sayings(subject)[name], speaker.language
    return Utterance(kind, speaker.say(fact.phrasings), fact.answers[language], fact.thoughts[language])
