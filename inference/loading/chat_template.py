"""A checkpoint's chat template: messages to the text format that its model was trained on.

The template receives markers in place of the messages' texts, and its output contains the markers. So it
cannot change what a person wrote, and no text can imitate the template's own.
"""

import json
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from jinja2 import TemplateError, meta, pass_context
from jinja2.ext import loopcontrols
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from inference.constraints.call_parser import ToolFormat, definition_of
from inference.errors import InvalidCheckpoint, PromptRefused
from inference.loading.checkpoint import Checkpoint
from inference.loading.tool_messages import arguments_of, choose_tool_format, without_tools
from inference.types import Audio, Image, Message, Part, Text, ToolCall, ToolDefinition

TEMPLATE_FILE = "chat_template.jinja"
MARKER = re.compile("\ue000([0-9]+)\ue001")  # private-use characters around an index
_UNSAFE = re.compile("[<>|\\[\\]\ue000\ue001]")  # without these, no text is part of a special token
_WRITTEN = "written_texts"  # the variable with the texts of a rendering


@dataclass(frozen=True, slots=True)
class WrittenText:
    """A person's text, or, with `is_reply`, an earlier response of the model."""

    text: str
    is_reply: bool


class ChatTemplate:
    """`tool_format` is how the template writes calls of tools. A template that does not mention tools gets
    them as part of the messages' texts. `has_reasoning`: it can ask for thoughts.
    """

    def __init__(self, source: str, special_tokens: dict[str, str]) -> None:
        """Raises jinja2.TemplateError if `source` is not a template."""
        environment = ImmutableSandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols], autoescape=False
        )
        environment.globals["raise_exception"] = _refuse
        environment.globals["strftime_now"] = lambda pattern: datetime.now().astimezone().strftime(pattern)
        environment.filters["tojson"] = _to_json
        self._template = environment.from_string(source)
        self._special_tokens = special_tokens
        variables = meta.find_undeclared_variables(environment.parse(source))
        self._has_tools = "tools" in variables
        self.has_reasoning = "enable_thinking" in variables
        self.tool_format: ToolFormat = choose_tool_format(source)

    def render(
        self, messages: tuple[Message, ...], enable_thinking: bool, tools: tuple[ToolDefinition, ...] = ()
    ) -> list[str | WrittenText]:
        """Returns the template's own text, which is trusted, as strings, and the messages' as `WrittenText`.

        Raises `PromptRefused` if the template raises an exception of its own, or if a tool call's arguments
        are not a JSON object.
        """
        written: list[WrittenText] = []
        if not self._has_tools:
            messages, tools = without_tools(messages, tools, self.tool_format), ()
        try:
            rendered = self._template.render(
                **self._special_tokens,
                messages=[_describe(message, written) for message in messages],
                tools=[_safe(definition_of(tool), written) for tool in tools] or None,
                add_generation_prompt=True,
                enable_thinking=enable_thinking,
                **{_WRITTEN: written},
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
    """Text parts alone become one string, as templates of text models expect; with media, a list.

    `characters` is the length of the texts, which the template cannot see.
    """
    is_reply = message.role == "assistant"
    parts = [_describe_part(part, is_reply, written) for part in message.parts]
    texts = [part["text"] for part in parts if part["type"] == "text"]
    content = "".join(texts) if len(texts) == len(parts) else parts
    characters = sum(len(part.text) for part in message.parts if isinstance(part, Text))
    described: dict[str, object] = {"role": message.role, "content": content, "characters": characters}
    if message.tool_calls:
        described["tool_calls"] = [_describe_call(call, written) for call in message.tool_calls]
    if message.tool_call_id is not None:
        described["tool_call_id"] = _safe(message.tool_call_id, written)
    return described


def _describe_call(call: ToolCall, written: list[WrittenText]) -> dict[str, object]:
    function = {"name": call.name, "arguments": arguments_of(call)}
    return {
        "id": _safe(call.id, written),
        "type": "function",
        "function": _safe(function, written, is_reply=True),
    }


def _describe_part(part: Part, is_reply: bool, written: list[WrittenText]) -> dict[str, str]:
    match part:
        case Text(text):
            return {"type": "text", "text": _mark(text, written, is_reply=is_reply)}
        case Image():
            return {"type": "image"}
        case Audio():
            return {"type": "audio"}


def _mark(text: str, written: list[WrittenText], *, is_reply: bool = False) -> str:
    written.append(WrittenText(text, is_reply))
    return f"\ue000{len(written) - 1}\ue001"


def _safe(value: Any, written: list[WrittenText], *, is_reply: bool = False) -> Any:  # Any: JSON values
    """The same JSON value with markers for strings that could imitate a special token.

    Other strings stay, so that the template can compare them and the tokenizer sees them in their context.
    """
    match value:
        case str():
            return _mark(value, written, is_reply=is_reply) if _UNSAFE.search(value) else value
        case list() | tuple():
            return [_safe(item, written, is_reply=is_reply) for item in value]
        case dict():
            return {
                _safe(key, written, is_reply=is_reply): _safe(item, written, is_reply=is_reply)
                for key, item in value.items()
            }
    return value


@pass_context
def _to_json(
    context: Context,
    value: object,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    """The filter as transformers defines it. Text behind a marker is escaped too."""
    written: list[WrittenText] = context[_WRITTEN]
    dumped = json.dumps(value, ensure_ascii=False, indent=indent, separators=separators, sort_keys=sort_keys)

    def escaped(marker: re.Match[str]) -> str:
        known = written[int(marker[1])]
        text = json.dumps(known.text, ensure_ascii=ensure_ascii)[1:-1]
        return _mark(text, written, is_reply=known.is_reply)

    return MARKER.sub(escaped, dumped)


def _alternate(pieces: list[str]) -> list[tuple[str, bool]]:
    return [(piece, index % 2 == 1) for index, piece in enumerate(pieces)]


class _RefusedByTemplate(TemplateError):
    pass


def _refuse(reason: str) -> None:
    raise _RefusedByTemplate(reason)
