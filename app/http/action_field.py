"""The parsed action of a phone agent, which a response has beside its text."""

from typing import Any

from inference import parse_action

ANSWER = "<answer>"  # the model's own tag, in a content that also has its thoughts


def action_field(content: str) -> dict[str, Any]:
    """The field `action`; no field for what is not one whole action, such as one that was cut off."""
    try:
        return {"action": parse_action(content.lstrip().removeprefix(ANSWER))}
    except ValueError:
        return {}
