"""What a request and its answer are made of: plain frozen dataclasses, no torch.

Knows nothing of HTTP (the gateway builds these) and nothing of token ids (the engine does).
"""

from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from inference.timeline import Timeline

AUDIO_SAMPLE_RATE = 16_000  # Hz; every Audio that reaches a backend has it

Role = Literal["system", "user", "assistant"]
FinishReason = Literal["stop", "length", "deadline", "aborted", "error"]
Priority = Literal["interactive", "batch"]
PRIORITIES: Final[tuple[Priority, ...]] = ("interactive", "batch")  # who is served first stands first
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
    """How to draw tokens. `temperature=0` is greedy; `top_k=0` and `top_p=1` switch those filters off.

    `frequency_penalty` subtracts its value times the number of times that a token was already
    generated, as OpenAI defines it. `stop` strings end the text and are not part of it.
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
    """One generation. `deadline` is `time.monotonic()` seconds.

    `task="transcribe"` asks for the words of the one Audio part and nothing else; the backend
    chooses the prompt or the speech-recognition model. `fairness_key` names whose turn it is. Into
    `timeline`, where there is one, the backend writes what it did when.
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
    """Tokens as the model counts them. Media count with the positions that they occupy."""

    prompt_tokens: int
    completion_tokens: int
    reasoning_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of an answer.

    The first Delta of a generation has no text and says that the engine has begun it. `reasoning` is
    what stood inside `<think>`. `usage` counts what was used so far, so that a generation whose client
    leaves is counted too; the first and the last Delta always have it. The last one has a
    `finish_reason`.
    """

    text: str = ""
    reasoning: str = ""
    finish_reason: FinishReason | None = None
    usage: Usage | None = None
