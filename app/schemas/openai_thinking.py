"""How requests under `/v1` say whether the model shall think."""

from typing import Literal

from app.schemas.openai_output import Lenient

ReasoningEffort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]


class ChatTemplateArguments(Lenient):
    """vLLM's and SGLang's. Others are ignored."""

    enable_thinking: bool | None = None
    thinking: bool | None = None


def said_thinking(enable_thinking: bool | None, template: ChatTemplateArguments | None) -> bool | None:
    """The first of them that says it; None if none does."""
    if enable_thinking is not None or template is None:
        return enable_thinking
    return template.thinking if template.enable_thinking is None else template.enable_thinking


def thinks_with(effort: ReasoningEffort | None) -> bool | None:
    """None if the request does not say."""
    return None if effort is None else effort != "none"
