"""The configuration of a backend: plain values, which the gateway's settings have validated."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

EMBEDDED_MODEL = Path(__file__).parent / "embedded"

BackendKind = Literal["in_process", "remote", "scripted"]
Ability = Literal["images", "tools", "typed_output", "logprobs", "thinking", "top_k", "actions", "priority"]
Recordings = Literal["auto", "input_audio", "transcriptions", "speech_recognition_model", "none"]
PictureFormat = Literal["png", "jpeg"]

# Not `actions`, a response format of this gateway alone, nor `priority`, which vLLM must be started for.
DEFAULT_ABILITIES: Final[frozenset[Ability]] = frozenset(
    {"images", "tools", "typed_output", "logprobs", "thinking", "top_k"}
)


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """The in-process backend. `model` is a directory or a hub name.

    With `placement="replicate"` each device has one worker, with "split" one worker has all devices, each of
    them with some of the layers. Workers are threads of this process, or processes of their own.

    `quantize_head`: "int8" includes the output head and the embedding. `model_name` is the name to serve the
    model under; None: its own. `speech_recognition_model` is a Whisper checkpoint for models without an audio
    tower. `kv_cache_tokens` is the size of the cache; None means what the running requests may need, as far
    as free memory allows. `chunk_tokens` limits the prefill of a step, and so the delay of running streams.
    `shared_system_prompts` are public: users can find out by timing that others use them too.
    `grammar_cache_bytes` is for compiled grammars of earlier requests, of each worker.
    """

    model: str = str(EMBEDDED_MODEL)
    devices: tuple[str, ...] = ("cpu",)
    placement: Literal["replicate", "split"] = "replicate"
    workers: Literal["threads", "processes"] = "threads"
    quantization: Literal["int8", "none"] = "none"
    quantize_head: bool = True
    model_name: str | None = None
    speech_recognition_model: str | None = None
    max_waiting_requests: int = 64
    max_waiting_prompt_tokens: int = 262_144
    max_running_requests: int = 16
    chunk_tokens: int = 512
    block_size: int = 16
    kv_cache_tokens: int | None = None
    shared_system_prompts: tuple[str, ...] = ()
    grammar_cache_bytes: int = 256 << 20


@dataclass(frozen=True, slots=True)
class ScriptedReply:
    """What the scripted backend responds: reasoning, then text, then tool calls (name, JSON arguments)."""

    text: str = ""
    reasoning: str = ""
    tool_calls: tuple[tuple[str, str], ...] = ()
    cached_tokens: int = 0


@dataclass(frozen=True, slots=True)
class ScriptedConfig:
    """A deterministic backend: `reply` is split into words, one Delta each.

    It waits `step_seconds` before each word; with 0 it does not pause. With `replies`, a request with n
    messages of the assistant gets the n-th of them, counted from 0, or the last.
    """

    reply: str = "one two three four five six seven eight"
    step_seconds: float = 0.0
    max_concurrency: int = 1024
    max_waiting: int = 1024
    model_name: str = "scripted"
    replies: tuple[ScriptedReply, ...] = ()


@dataclass(frozen=True, slots=True)
class RemoteEndpoint:
    """An engine. `url` is as OpenAI's SDK takes it, and `query` follows it in every request, as `headers` do.
    `model` is the name under which it serves; None: its first one.
    """

    url: str
    key: str | None = field(default=None, repr=False)
    model: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    query: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class RemoteConfig:
    """Engines that serve one model. `abilities` are what they take; what is not among them is refused.

    `recordings` go to the engines as parts of messages, to the route `/v1/audio/transcriptions` of
    `transcribers` (or of the engines, if there are none), to the speech-recognition model of `EngineConfig`,
    or are refused; "auto" is what is configured: transcribers, or else the model, or else none.
    `context_length` of None: what the engines report.
    `starts_in_thought`: the chat template writes `<think>` into the prompt, and the text has only its end.
    `model_name` is the name to serve the model under; None: that of the first engine.
    """

    endpoints: tuple[RemoteEndpoint, ...] = ()
    abilities: frozenset[Ability] = DEFAULT_ABILITIES
    recordings: Recordings = "auto"
    transcribers: tuple[RemoteEndpoint, ...] = ()
    picture_format: PictureFormat = "png"
    starts_in_thought: bool = False
    context_length: int | None = None
    model_name: str | None = None
    max_outstanding: int = 256  # at each endpoint
    health_seconds: float = 5.0  # between two checks of a healthy endpoint
    ca_file: str | None = None


@dataclass(frozen=True, slots=True)
class BackendConfig:
    """With several kinds, the second serves what the first has no place for."""

    kinds: tuple[BackendKind, ...] = ("in_process",)
    engine: EngineConfig = field(default_factory=EngineConfig)
    scripted: ScriptedConfig = field(default_factory=ScriptedConfig)
    remote: RemoteConfig = field(default_factory=RemoteConfig)


def recordings_of(config: BackendConfig) -> Recordings:
    """Where the recordings of the remote backend go: never "auto"."""
    if config.remote.recordings != "auto":
        return config.remote.recordings
    if config.remote.transcribers:
        return "transcriptions"
    return "none" if config.engine.speech_recognition_model is None else "speech_recognition_model"
