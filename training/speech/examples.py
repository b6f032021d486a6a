"""Spoken commands to a phone's assistant: recordings, what is said in them, and what to do about it.

The same random numbers give the same example, sample by sample.
"""

import random
from collections.abc import Iterator

from inference.types import AUDIO_SAMPLE_RATE, Audio
from training.example import Example, Language, Split, Turn, asked
from training.speech.dictation import dictation
from training.speech.espeak import SAMPLE_RATE as ESPEAK_SAMPLE_RATE
from training.speech.espeak import speak
from training.speech.pronunciation import as_spoken
from training.speech.recordings import LONGEST, SILENCES, draw_conditions, record
from training.speech.spectra import Samples, resample
from training.speech.voices import draw_voice
from training.text.commands import spoken_command
from training.text.phrasings import Saying, sayings
from training.text.speaker import ask

# The gateway's prompt for a transcript: inference.loading.loaded_model.TRANSCRIBE, without importing torch.
TRANSCRIBE = "Write down what is said in this recording."
TONES = (0.92, 1.08)  # what a voice's pitch and formants are multiplied with: about a head's size
OTHER_LANGUAGE = 0.15  # questions in the language that is not spoken
DICTATED = 0.5  # of the recordings to learn from: no commands
_LONGEST_SPEECH = LONGEST - 2 * SILENCES[0]  # seconds


def speech_example(rng: random.Random, split: Split, language: Language | None = None) -> Example:
    """Its turns: the gateway's prompt for a transcript, a question for the words, no prompt, an order to act.

    A dictation has only the first two.
    """
    languages: tuple[Language, ...] = (language,) if language else ("en", "zh")
    spoken_language = rng.choice(languages)
    sentence, answer, speech = _spoken(rng, split, spoken_language)
    recording = record(speech, draw_conditions(rng, split), split, seed=rng.getrandbits(32))
    questions = sayings("recordings")
    turns = [
        Turn("speech_transcription", asked(TRANSCRIBE), sentence),
        Turn("speech_words", asked(_question(questions["words"], rng, split, spoken_language)), sentence),
    ]
    if answer:
        thought = questions["orders"].thoughts[spoken_language].format(sentence)
        order = asked(_question(questions["orders"], rng, split, spoken_language))
        turns += [
            Turn("speech_alone", asked(""), answer, thought),
            Turn("speech_order", order, answer, thought),
        ]
    return Example(media=Audio(recording), transcript=sentence, turns=tuple(turns))


def held_out(seed: int, language: Language, count: int) -> Iterator[Example]:
    """Yield the same examples for the same arguments; a longer set begins with the shorter one."""
    for index in range(count):
        yield speech_example(random.Random(f"{seed} {language} {index}"), "held_out", language)


def _spoken(rng: random.Random, split: Split, language: Language) -> tuple[str, str, Samples]:
    """Return a sentence, the action ("" for a dictation), and speech at 16 kHz that is short enough."""
    is_dictated = split == "train" and rng.random() < DICTATED
    while True:
        if is_dictated:
            sentence, answer = dictation(rng, language), ""
        else:
            command = spoken_command(rng, split, language)
            sentence, answer = command.sentence, command.answer
        voice = draw_voice(rng, split, language)
        said = speak(as_spoken(sentence), voice.name, voice.manner, seed=rng.getrandbits(31))
        speech = resample(said, AUDIO_SAMPLE_RATE / ESPEAK_SAMPLE_RATE / rng.uniform(*TONES))
        if len(speech) <= _LONGEST_SPEECH * AUDIO_SAMPLE_RATE:
            return sentence, answer, speech


def _question(saying: Saying, rng: random.Random, split: Split, language: Language) -> str:
    other: Language = "en" if language == "zh" else "zh"
    return ask(saying.phrasings, rng, split, other if rng.random() < OTHER_LANGUAGE else language)
