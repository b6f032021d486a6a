"""A transcription, which /speech and /v1/audio/transcriptions begin alike: phrase by phrase."""

import unicodedata
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

from app.errors import DeadlineExceeded, GenerationError
from app.http.call import Call
from app.http.generation import Generation
from app.http.repetition import RepetitionWatch, without_loop
from inference import Message, Phrase, SamplingParams, UnsupportedModality, most_transcript_tokens

RESERVED_TOKENS: Final = most_transcript_tokens(0)  # before the recording's length is known


@dataclass(frozen=True, slots=True)
class Segment:
    """What was said in one phrase; `start` and `end` are seconds of the recording."""

    start: float
    end: float
    text: str
    no_speech: float  # probability that nobody speaks


class Transcription:
    """Of the phrases of a recording, begun and closed by one request. Without any the model is not asked."""

    def __init__(self, call: Call, phrases: Sequence[Phrase], language: str = "") -> None:
        """`language` is a code such as "en", if the client says it."""
        self._call = call
        self._said_language = language
        self.phrases = phrases
        self.segments: list[Segment] = []
        self.text = ""
        self.language = language  # or as the model names it
        self.has_loop = False  # whether the model repeated itself until it was stopped
        self._first: Generation | None = None

    @property
    def most_tokens(self) -> int:
        return sum(map(_most_tokens, self.phrases))

    async def begin(self) -> None:
        """Returns once the engine has begun the first phrase. Raises what `Backend.generate` raises."""
        if "audio" not in self._call.services.backend.model_card.modalities:
            raise UnsupportedModality("audio")
        if self.phrases:
            self._first = await self._generate(self.phrases[0])

    async def pieces(self) -> AsyncGenerator[str, None]:
        """The text as it is written; `text` keeps no loop of it.

        Raises `DeadlineExceeded` and `GenerationError`.
        """
        for index, phrase in enumerate(self.phrases):
            generation = self._first if index == 0 else await self._generate(phrase)
            assert generation is not None
            before = len(self.text)
            async with aclosing(self._phrase_pieces(generation)) as pieces:
                async for piece in pieces:
                    self.text += piece
                    yield piece
            self.text = self.text[:before] + without_loop(self.text[before:])
            said = self.text[before:].strip()
            if said:
                self.segments.append(Segment(phrase.start, phrase.end, said, 1 - phrase.probability))

    async def collect(self) -> str:
        """The whole text. Raises what `pieces` raises."""
        async for _ in self.pieces():
            pass
        return self.text.strip()

    async def _generate(self, phrase: Phrase) -> Generation:
        sampling_params = SamplingParams(max_tokens=_most_tokens(phrase), temperature=0.0)
        messages = [Message("user", (phrase.audio,))]
        return await self._call.begin(
            messages, sampling_params, task="transcribe", language=self._said_language
        )

    async def _phrase_pieces(self, generation: Generation) -> AsyncGenerator[str, None]:
        watch = RepetitionWatch()
        is_first = True
        async for delta in generation:
            text = delta.text.lstrip() if is_first else delta.text
            if text:
                if is_first and needs_space(self.text, text):
                    text = f" {text}"
                is_first = False
                yield text
                if watch.is_loop(text):
                    self.has_loop = True
                    await generation.aclose()
                    return
            self.language = self.language or delta.language
            if delta.finish_reason == "deadline":
                raise DeadlineExceeded
            if delta.finish_reason not in (None, "stop", "length"):
                raise GenerationError


def needs_space(before: str, after: str) -> bool:
    """Between two phrases; there is none beside Chinese and Japanese."""
    if not before or not after or before[-1].isspace():
        return False
    return not any(unicodedata.east_asian_width(character) in "WF" for character in (before[-1], after[0]))


def _most_tokens(phrase: Phrase) -> int:
    return most_transcript_tokens(phrase.end - phrase.start)
