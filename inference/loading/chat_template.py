"""A checkpoint's chat template: messages to the text format that its model was trained on.

The template receives markers in place of the messages' texts, and its output contains the markers. So it
cannot change what a person wrote, and no text can imitate the template's own.
"""

import re
from dataclasses import dataclass
from datetime import datetime

from jinja2 import TemplateError
from jinja2.ext import loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

from inference.errors import InvalidCheckpoint, PromptRefused
from inference.loading.checkpoint import Checkpoint
from inference.types import Audio, Image, Message, Part, Text

TEMPLATE_FILE = "chat_template.jinja"
MARKER = re.compile("\ue000([0-9]+)\ue001")  # private-use characters around an index


@dataclass(frozen=True, slots=True)
class WrittenText:
    """A person's text, or, with `is_reply`, an earlier response of the model."""

    text: str
    is_reply: bool


class ChatTemplate:
    def __init__(self, source: str, special_tokens: dict[str, str]) -> None:
        """Raises jinja2.TemplateError if `source` is not a template."""
        environment = ImmutableSandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols], autoescape=False
        )
        environment.globals["raise_exception"] = _refuse
        environment.globals["strftime_now"] = lambda pattern: datetime.now().astimezone().strftime(pattern)
        self._template = environment.from_string(source)
        self._special_tokens = special_tokens

    def render(self, messages: tuple[Message, ...], enable_thinking: bool) -> list[str | WrittenText]:
        """Returns the template's own text, which is trusted, as strings, and the messages' as `WrittenText`.

        Raises `PromptRefused` if the template raises an exception of its own.
        """
        written: list[WrittenText] = []
        try:
            rendered = self._template.render(
                **self._special_tokens,
                messages=[_describe(message, written) for message in messages],
                add_generation_prompt=True,
                enable_thinking=enable_thinking,
            )
        except _RefusedByTemplate as refusal:
            raise PromptRefused(MARKER.sub("", str(refusal))) from None
        pieces = MARKER.split(rendered)  # template's text, index, template's text, …
        return [written[int(piece)] if odd else piece for piece, odd in _alternate(pieces) if piece]


def load_chat_template(checkpoint: Checkpoint) -> ChatTemplate:
    settings = checkpoint.read_json("tokenizer_config.json")
    source = checkpoint.read_text(TEMPLATE_FILE) or settings.get("chat_template")
    if not isinstance(source, str):
        raise InvalidCheckpoint(
            f"The checkpoint {checkpoint.name} has no chat template; take a chat model, or add "
            f"{TEMPLATE_FILE} to its directory."
        )
    special_tokens = {}
    for key, value in settings.items():
        content = value.get("content") if isinstance(value, dict) else value
        if key.endswith("_token") and isinstance(content, str):
            special_tokens[key] = content
    try:
        return ChatTemplate(source, special_tokens)
    except TemplateError as error:
        raise InvalidCheckpoint(
            f"The chat template of the checkpoint {checkpoint.name} is not valid; get it again."
        ) from error


def _describe(message: Message, written: list[WrittenText]) -> dict[str, object]:
    """Text parts alone become one string, as templates of text models expect; with media, a list."""
    is_reply = message.role == "assistant"
    parts = [_describe_part(part, is_reply, written) for part in message.parts]
    texts = [part["text"] for part in parts if part["type"] == "text"]
    content = "".join(texts) if len(texts) == len(parts) else parts
    return {"role": message.role, "content": content}


def _describe_part(part: Part, is_reply: bool, written: list[WrittenText]) -> dict[str, str]:
    match part:
        case Text(text):
            written.append(WrittenText(text, is_reply))
            return {"type": "text", "text": f"\ue000{len(written) - 1}\ue001"}
        case Image():
            return {"type": "image"}
        case Audio():
            return {"type": "audio"}


def _alternate(pieces: list[str]) -> list[tuple[str, bool]]:
    return [(piece, index % 2 == 1) for index, piece in enumerate(pieces)]


class _RefusedByTemplate(TemplateError):
    pass


def _refuse(reason: str) -> None:
    raise _RefusedByTemplate(reason)
