"""The factory of backends. It imports them late, so that the gateway runs without torch."""

from typing import TYPE_CHECKING

from inference.backend import Backend
from inference.config import BackendConfig, BackendKind, EngineConfig, RemoteConfig, recordings_of

if TYPE_CHECKING:
    from inference.backends.remote.examination import EngineFinding


def check_engine(config: EngineConfig) -> None:
    """Checks the devices and the model's files without loading the model. Needs torch.

    Raises `InvalidConfiguration` or `InvalidCheckpoint`.
    """
    from inference.devices import check_split, resolve_devices
    from inference.loading.registry import check_model

    devices = resolve_devices(config.devices)
    if config.placement == "split":
        check_split(devices)
    check_model(config.model)


def check_speech_recognition_model(path_or_hub_name: str) -> None:
    """Checks the model's files without loading it. Needs torch. Raises `InvalidCheckpoint`."""
    from inference.loading.recogniser import check_recogniser

    check_recogniser(path_or_hub_name)


async def check_remote_engines(config: RemoteConfig) -> "list[EngineFinding]":
    """Raises OSError for certificates that cannot be read."""
    from inference.backends.remote.examination import examine_engines

    return await examine_engines(config)


def build_backend(config: BackendConfig) -> Backend:
    """Returns a backend that is not started. Raises ModuleNotFoundError for what is not installed."""
    backends: dict[str, Backend] = {kind: _build(kind, config) for kind in config.kinds}
    if len(backends) == 1:
        return next(iter(backends.values()))
    from inference.backends.fallback import FallbackBackend

    return FallbackBackend(backends)


def _build(kind: BackendKind, config: BackendConfig) -> Backend:
    match kind:
        case "remote":
            return _build_remote(config)
        case "scripted":
            from inference.backends.scripted import ScriptedBackend

            return ScriptedBackend(config.scripted)
        case "in_process":
            from inference.backends.in_process import InProcessBackend

            return InProcessBackend(config.engine)


def _build_remote(config: BackendConfig) -> Backend:
    from inference.backends.remote.backend import RemoteBackend
    from inference.backends.remote.engines import Engines
    from inference.backends.remote.transcription_route import TranscriptionRoute
    from inference.backends.speech_recognition import SpeechRecognition, Transcriber
    from inference.backends.transcribed import TranscribedBackend

    remote = config.remote
    backend = RemoteBackend(remote)
    transcriber: Transcriber
    match recordings_of(config):
        case "transcriptions" if remote.transcribers:
            transcriber = TranscriptionRoute(Engines(remote.transcribers, remote), is_shared=False)
        case "transcriptions":
            transcriber = TranscriptionRoute(backend.engines, is_shared=True)
        case "speech_recognition_model":
            from inference.backends.in_process import make_speech_pool

            transcriber = make_speech_pool(config.engine)
        case _:
            return backend
    return TranscribedBackend(backend, SpeechRecognition(transcriber))
