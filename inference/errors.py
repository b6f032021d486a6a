"""What can go wrong below the gateway. `app/http/error_handlers.py` turns these into answers.

Messages are for operators' logs; none of them reaches a client.
"""


class InferenceError(Exception):
    """Base of every error that `inference` raises on purpose."""


class PromptTooLong(InferenceError):
    """The prompt and `max_tokens` do not fit into the model's context."""

    def __init__(self, prompt_tokens: int, max_tokens: int, context_length: int) -> None:
        super().__init__(
            f"prompt of {prompt_tokens} tokens, answer of {max_tokens}, context of {context_length}"
        )
        self.prompt_tokens = prompt_tokens
        self.max_tokens = max_tokens
        self.context_length = context_length


class PromptRefused(InferenceError):
    """The checkpoint's chat template makes no prompt of these messages. `reason` is the template's."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the chat template refuses the messages: {reason}")
        self.reason = reason


class UnsupportedModality(InferenceError):
    """The loaded checkpoint has no tower for this kind of part."""

    def __init__(self, modality: str) -> None:
        super().__init__(f"the loaded checkpoint does not take {modality}")
        self.modality = modality


class QueueFull(InferenceError):
    """The backend's bounded waiting queue has no place left."""


class BackendUnavailable(InferenceError):
    """No healthy worker is there to serve the request, or the backend is shutting down."""


class GenerationFailed(InferenceError):
    """This one request failed while it was executed; the others go on."""


class InvalidConfiguration(InferenceError):
    """A setting asks for what this machine does not have. The message is one sentence saying what to do."""


class InvalidCheckpoint(InferenceError):
    """A model directory cannot be served. The message is one sentence saying what to do."""
