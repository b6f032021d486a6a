"""The form of `POST /v1/audio/transcriptions`, and its responses."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.clean_text import CleanText
from app.errors import InvalidRequest, UnsupportedParameter
from app.sentence import Sentence, of_field

ResponseFormat = Literal["json", "verbose_json", "text", "srt", "vtt"]
Granularities = Annotated[list[Literal["segment", "word"]], Field(max_length=2)]


class TranscriptionForm(BaseModel):
    """The fields other than the file. The hints `prompt` and `temperature` are ignored."""

    model_config = ConfigDict(extra="allow", strict=True)

    model: CleanText = Field(min_length=1, max_length=200)
    language: CleanText = Field(
        "",
        max_length=64,
        description="of the recording: `en`, `en-US` or `english`; refused if the model "
        "does not understand it",
    )
    response_format: ResponseFormat = "json"
    stream: bool = Field(False, description="respond with server-sent events; with `json` and `text`")
    timestamp_granularities: Granularities = Field(
        default_factory=list, description="only `segment`, with `verbose_json`"
    )
    include: Annotated[list[CleanText], Field(max_length=8)] = Field(
        default_factory=list, description="not supported"
    )

    def refuse_unsupported(self) -> None:
        """Raises `UnsupportedParameter` and `InvalidRequest` for what would change the response."""
        if "word" in self.timestamp_granularities:
            name = "timestamp_granularities"
            raise UnsupportedParameter(of_field(name, "words have no times here; use segment"), param=name)
        if self.timestamp_granularities and self.response_format != "verbose_json":
            name = "timestamp_granularities"
            raise InvalidRequest(of_field(name, "needs the response_format verbose_json"), param=name)
        if self.include:
            raise UnsupportedParameter(of_field("include", "not supported"), param="include")
        if self.stream and self.response_format not in ("json", "text"):
            reason = Sentence("not with the response_format {format}", format=self.response_format)
            raise UnsupportedParameter(of_field("stream", reason), param="stream")


class InputTokenDetails(BaseModel):
    audio_tokens: int = Field(ge=0)
    text_tokens: int = Field(ge=0)


class TokensOfTranscription(BaseModel):
    type: Literal["tokens"]
    input_tokens: int = Field(ge=0)
    output_tokens: int = Field(ge=0)
    total_tokens: int = Field(ge=0)
    input_token_details: InputTokenDetails


class DurationOfTranscription(BaseModel):
    type: Literal["duration"]
    seconds: float = Field(ge=0)


class Transcription(BaseModel):
    id: str
    object: Literal["transcription"]
    created: int
    model: str
    system_fingerprint: str
    text: str = Field(description="empty if nobody speaks")
    usage: TokensOfTranscription


class TranscriptionSegment(BaseModel):
    id: int
    seek: int = Field(description="hundredths of a second until the segment")
    start: float = Field(description="seconds")
    end: float = Field(description="seconds")
    text: str
    tokens: list[int] = Field(description="always empty")
    temperature: float
    avg_logprob: float = Field(description="always 0: not measured")
    compression_ratio: float = Field(description="of the text; high if it repeats itself")
    no_speech_prob: float


class VerboseTranscription(Transcription):
    task: Literal["transcribe"]
    language: str = Field(description="in English and lower case; unknown if nobody speaks")
    duration: float = Field(description="seconds of the recording")
    segments: list[TranscriptionSegment]
    usage: DurationOfTranscription  # type: ignore[assignment] # OpenAI has two shapes for one name


class TranscriptionDelta(BaseModel):
    type: Literal["transcript.text.delta"]
    delta: str


class TranscriptionDone(BaseModel):
    """The last event of a stream before `[DONE]`."""

    type: Literal["transcript.text.done"]
    text: str
    usage: TokensOfTranscription
