"""The model side of the gateway: messages, pixels and samples in, text out, on the devices of this machine.

It does not import HTTP, users, Redis, SQL or the environment. `app` imports only the names that are
re-exported here.
"""

from inference.backend import Backend, DeltaStream
from inference.build import build_backend, check_engine, check_speech_recognition_model
from inference.config import BackendConfig, EngineConfig, ScriptedConfig, ScriptedReply
from inference.constraints.phone_actions import parse_action
from inference.error_description import describe_error
from inference.errors import (
    BackendUnavailable,
    GenerationFailed,
    InferenceError,
    InvalidCheckpoint,
    InvalidConfiguration,
    InvalidGrammar,
    PromptRefused,
    PromptTooLong,
    QueueFull,
    UnsupportedModality,
)
from inference.model_card import ImageFit, ModelCard, SpeechFit
from inference.status import BackendStatus, DeviceLoad, WorkerStatus
from inference.timeline import Timeline
from inference.transcript_length import most_transcript_tokens
from inference.types import (
    AUDIO_SAMPLE_RATE,
    ActionOutput,
    Audio,
    Delta,
    FinishReason,
    GenerationRequest,
    Image,
    JsonObjectOutput,
    JsonSchemaOutput,
    Message,
    NamedTool,
    OutputFormat,
    Part,
    Priority,
    Role,
    SamplingParams,
    Task,
    Text,
    TokenLogprob,
    ToolCall,
    ToolCallDelta,
    ToolChoice,
    ToolDefinition,
    Usage,
)
from inference.voice_activity import Network as VoiceNetwork
from inference.voice_activity import Phrase, SpeechSearch, SpeechSpan, cut_phrases

__all__ = [
    "AUDIO_SAMPLE_RATE",
    "ActionOutput",
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
    "InvalidGrammar",
    "JsonObjectOutput",
    "JsonSchemaOutput",
    "Message",
    "ModelCard",
    "NamedTool",
    "OutputFormat",
    "Part",
    "Phrase",
    "Priority",
    "PromptRefused",
    "PromptTooLong",
    "QueueFull",
    "Role",
    "SamplingParams",
    "ScriptedConfig",
    "ScriptedReply",
    "SpeechFit",
    "SpeechSearch",
    "SpeechSpan",
    "Task",
    "Text",
    "Timeline",
    "TokenLogprob",
    "ToolCall",
    "ToolCallDelta",
    "ToolChoice",
    "ToolDefinition",
    "UnsupportedModality",
    "Usage",
    "VoiceNetwork",
    "WorkerStatus",
    "build_backend",
    "check_engine",
    "check_speech_recognition_model",
    "cut_phrases",
    "describe_error",
    "most_transcript_tokens",
    "parse_action",
]
