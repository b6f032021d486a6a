"""Messages in which somebody speaks, for a model that hears one phrase at a time: it reads several."""

from collections.abc import Sequence
from dataclasses import replace

from app.errors import NoSpeech
from app.http.call import Call
from app.http.transcription import Transcription
from inference import Audio, Message, Part, Phrase, Text, most_transcript_tokens


async def reserve_transcripts(
    call: Call, messages: Sequence[Message], reserved_tokens: int, field: str
) -> None:
    """Takes the tokens of what `read_phrases` reads from the daily quota, beside those that are reserved.

    Raises like `Call.reserve_tokens`.
    """
    phrases = [phrase for message in messages if _is_read(call, message) for phrase in _phrases_of(message)]
    if phrases:
        tokens = sum(most_transcript_tokens(_seconds(phrase)) for phrase in phrases)
        await call.reserve_tokens(reserved_tokens + tokens, field)


async def read_phrases(call: Call, messages: Sequence[Message]) -> list[Message]:
    """The messages, with the transcript of phrases where a message has more than one.

    Raises like `Transcription.begin` and `Transcription.collect`; and `NoSpeech`.
    """
    return [
        replace(message, parts=await _read(call, message.parts)) if _is_read(call, message) else message
        for message in messages
    ]


def _phrases_of(message: Message) -> list[Audio]:
    return [part for part in message.parts if isinstance(part, Audio)]


def _is_read(call: Call, message: Message) -> bool:
    if len(message.parts) == 1:  # most of them
        return False
    return len(_phrases_of(message)) > 1 and not call.services.backend.model_card.speech_fit.may_pause


async def _read(call: Call, parts: Sequence[Part]) -> tuple[Part, ...]:
    """One text for phrases that follow each other."""
    done: list[Part] = []
    phrases: list[Audio] = []
    for part in (*parts, None):
        if isinstance(part, Audio):
            phrases.append(part)
            continue
        if phrases:
            done.append(Text(await _transcribe(call, phrases)))
            phrases = []
        if part is not None:
            done.append(part)
    return tuple(done)


async def _transcribe(call: Call, phrases: Sequence[Audio]) -> str:
    transcription = Transcription(call, [Phrase(0.0, _seconds(each), each, 1.0) for each in phrases])
    await transcription.begin()
    text = await transcription.collect()
    if not text:
        raise NoSpeech
    return text


def _seconds(phrase: Audio) -> float:
    return len(phrase.samples) / phrase.sample_rate
