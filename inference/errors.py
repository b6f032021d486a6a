"""The errors of `inference`. The gateway turns them into responses of its own.

Their messages are for the operator's log and are not part of a response.
"""


class InferenceError(Exception):
    """Base of every error that `inference` raises on purpose."""

    def __reduce__(self) -> tuple[object, ...]:
        """For pickling: constructors take other arguments than the message."""
        return _rebuild, (type(self), self.args), vars(self)


class PromptTooLong(InferenceError):
    """The prompt and `max_tokens` do not fit into the model's context."""

    def __init__(self, prompt_tokens: int, max_tokens: int, context_length: int) -> None:
        super().__init__(
            f"prompt of {prompt_tokens} tokens, response of {max_tokens}, context of {context_length}"
        )
        self.prompt_tokens = prompt_tokens
        self.max_tokens = max_tokens
        self.context_length = context_length


class PromptRefused(InferenceError):
    """The checkpoint's chat template refuses these messages. `reason` is the template's own text."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the messages are refused: {reason}")
        self.reason = reason


class RequestRefused(PromptRefused):
    """A remote engine refuses the request with this status, for a reason that is not known."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the engine responded with {status}")
        self.status = status


class InvalidGrammar(InferenceError):
    """A schema, a tool or a format of the output cannot be compiled, is too large, or takes too long.

    `field` is the part of the request: "response_format" or "tools". `reason` is a phrase for the response.
    `path` leads from the schema of the format, or from the name of a tool, to the cause; None if it is not
    known.
    """

    def __init__(self, field: str, reason: str, path: tuple[str, ...] | None = None) -> None:
        super().__init__(f"{field} {reason}")
        self.field = field
        self.reason = reason
        self.path = path


class InvalidParameter(InferenceError):
    """A value that the loaded model cannot take. `field` and `reason` are as those of `InvalidGrammar`."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field} {reason}")
        self.field = field
        self.reason = reason


class UnsupportedModality(InferenceError):
    """The loaded checkpoint has no tower for this kind of media."""

    def __init__(self, modality: str) -> None:
        super().__init__(f"the loaded checkpoint does not take {modality}")
        self.modality = modality


class UnsupportedParameter(InferenceError):
    """A remote engine does not take this part of the request: "tools", "response_format", "logprobs"."""

    def __init__(self, field: str) -> None:
        super().__init__(f"the engine does not take {field}")
        self.field = field


class QueueFull(InferenceError):
    """The backend's bounded queue is full. `retry_after_seconds` is what a remote engine says, if it does."""

    def __init__(self, message: str, retry_after_seconds: int | None = None) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class BackendUnavailable(InferenceError):
    """No worker is healthy, or the backend is shutting down. `retry_after_seconds`: until that may change."""

    def __init__(self, message: str = "", retry_after_seconds: int | None = None) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class GenerationFailed(InferenceError):
    """This request failed while it was executed. Other requests go on."""


class EngineFailed(GenerationFailed):
    """Every engine that was tried failed before it began this request. Another backend may serve it."""


class InvalidConfiguration(InferenceError):
    """A setting needs what this machine does not have. The message is one sentence that says what to do."""


class InvalidCheckpoint(InferenceError):
    """A model directory cannot be served. The message is one sentence that says what to do."""


def _rebuild(kind: type[InferenceError], arguments: tuple[object, ...]) -> InferenceError:
    return kind.__new__(kind, *arguments)
