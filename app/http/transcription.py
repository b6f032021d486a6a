"""A transcription, which /speech and /v1/audio/transcriptions begin alike."""

from typing import Final

from app.http.call import Call
from app.http.generation import Generation
from inference import Audio, Message, SamplingParams

TRANSCRIPTION_MAX_TOKENS: Final = 1024


async def begin_transcription(call: Call, audio: Audio) -> Generation:
    """Returns once the engine has begun. Raises what `Backend.generate` raises."""
    sampling_params = SamplingParams(max_tokens=TRANSCRIPTION_MAX_TOKENS, temperature=0.0)
    return await call.begin([Message("user", (audio,))], sampling_params, task="transcribe")
