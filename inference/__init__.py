"""The model side of the gateway: messages, pixels and samples in, text out, on the devices of this machine.

It does not import HTTP, users, Redis, SQL or the environment. `app` imports only the names that are
re-exported here.
"""

from inference.backend import Backend, DeltaStream
from inference.build import build_backend, check_engine, check_speech_recognition_model
from inference.config import BackendConfig, EngineConfig, ScriptedConfig
from inference.errors import (
    BackendUnavailable,
    GenerationFailed,
    InferenceError,
    InvalidCheckpoint,
    InvalidConfiguration,
    PromptRefused,
    PromptTooLong,
    QueueFull,
    UnsupportedModality,
)
from inference.model_card import ImageFit, ModelCard
from inference.status import BackendStatus, DeviceLoad, WorkerStatus
from inference.timeline import Timeline
from inference.types import (
    AUDIO_SAMPLE_RATE,
    Audio,
    Delta,
    FinishReason,
    GenerationRequest,
    Image,
    Message,
    Part,
    Priority,
    Role,
    SamplingParams,
    Task,
    Text,
    Usage,
)

__all__ = [
    "AUDIO_SAMPLE_RATE",
    "Audio",
    "Backend",
    "BackendConfig",
    "BackendStatus",
    "BackendUnavailable",
    "Delta",
    "DeltaStream",
    "DeviceLoad",
    "EngineConfig",
    "FinishReason",
    "GenerationFailed",
    "GenerationRequest",
    "Image",
    "ImageFit",
    "InferenceError",
    "InvalidCheckpoint",
    "InvalidConfiguration",
    "Message",
    "ModelCard",
    "Part",
    "Priority",
    "PromptRefused",
    "PromptTooLong",
    "QueueFull",
    "Role",
    "SamplingParams",
    "ScriptedConfig",
    "Task",
    "Text",
    "Timeline",
    "UnsupportedModality",
    "Usage",
    "WorkerStatus",
    "build_backend",
    "check_engine",
    "check_speech_recognition_model",
]
