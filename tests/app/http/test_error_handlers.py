"""What callers are told about errors that `inference` raised and no scripted backend raises."""

from app.http.error_handlers import gateway_error_of
from inference import PromptRefused, PromptTooLong


def test_error_for_too_long_a_prompt_has_the_numbers() -> None:
    error = gateway_error_of(PromptTooLong(513, 512, 1024))
    assert (error.status_code, error.code) == (400, "context_length_exceeded")
    assert "maximum context length is 1024 tokens" in error.detail, "clients look for these words"
    assert "prompt has 513, and max_tokens is 512" in error.detail


def test_what_a_chat_template_refuses_is_the_callers_to_mend() -> None:
    error = gateway_error_of(PromptRefused("Roles must alternate"))
    assert (error.status_code, error.code) == (422, "prompt_refused")
    assert error.detail.endswith(": Roles must alternate")
