"""Requests for the model, and the pieces of its responses: plain frozen dataclasses, no torch.

The gateway builds requests from HTTP bodies, and the engine turns them into token ids: neither appears here.
"""

from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from inference.timeline import Timeline

AUDIO_SAMPLE_RATE = 16_000  # Hz, of every Audio that reaches a backend

Role = Literal["system", "user", "assistant"]
FinishReason = Literal["stop", "length", "deadline", "aborted", "error"]
Priority = Literal["interactive", "batch"]
PRIORITIES: Final[tuple[Priority, ...]] = ("interactive", "batch")  # in the order in which they are served
Task = Literal["chat", "transcribe"]


@dataclass(frozen=True, slots=True)
class Text:
    text: str


@dataclass(frozen=True, slots=True, eq=False)
class Image:
    """A decoded picture, upright, without alpha."""

    pixels: NDArray[np.uint8]  # (H, W, 3), RGB


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Audio:
    """A decoded mono recording in [-1, 1]."""

    samples: NDArray[np.float32]  # (T,)
    sample_rate: int = AUDIO_SAMPLE_RATE


Part = Text | Image | Audio


@dataclass(frozen=True, slots=True)
class Message:
    role: Role
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class SamplingParams:
    """How tokens are drawn. `temperature=0` is greedy; `top_k=0` and `top_p=1` turn those filters off.

    `frequency_penalty` is subtracted from a token's logit once for each time that it was already
    generated, as in OpenAI's API. `stop` strings end the text and are not part of it.
    """

    max_tokens: int = 512
    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    frequency_penalty: float = 0.0
    stop: tuple[str, ...] = ()
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """One generation. `deadline` is in `time.monotonic()` seconds.

    `task="transcribe"` requests a transcript of the one Audio part; the backend chooses the prompt or the
    speech-recognition model. Requests with different values of `fairness_key` take turns. The backend
    records its steps in `timeline`, if there is one.
    """

    request_id: str
    messages: tuple[Message, ...]
    sampling_params: SamplingParams = field(default_factory=SamplingParams)
    enable_thinking: bool = False
    deadline: float = float("inf")
    fairness_key: str = ""
    priority: Priority = "interactive"
    task: Task = "chat"
    timeline: Timeline | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the model counts them. Media count as many tokens as they occupy positions."""

    prompt_tokens: int
    completion_tokens: int
    reasoning_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of a response.

    The first Delta of a generation has no text and reports that the engine has begun it. `reasoning` is the
    text inside `<think>`. `usage` counts what was used so far, so that a generation is counted even when
    its client disconnects; the first and the last Delta always have it. The last one has a `finish_reason`.
    """

    text: str = ""
    reasoning: str = ""
    finish_reason: FinishReason | None = None
    usage: Usage | None = None
