"""The one factory of backends. Imports late, so that the gateway runs without torch."""

from inference.backend import Backend
from inference.config import BackendConfig


def build_backend(config: BackendConfig) -> Backend:
    """Returns an unstarted backend."""
    match config.kind:
        case "scripted":
            from inference.backends.scripted import ScriptedBackend

            return ScriptedBackend(config.scripted)
        case "in_process":
            from inference.backends.in_process import InProcessBackend

            return InProcessBackend(config.engine)
