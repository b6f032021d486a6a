"""Messages to a template's text, with people's text separate from it."""

import numpy as np
import pytest
from jinja2.exceptions import SecurityError

from inference.errors import PromptRefused
from inference.loading.chat_template import ChatTemplate, WrittenText
from inference.types import Audio, Image, Message, Text

TEMPLATE = "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}{{ eos_token }}"
PARTS = "{% for p in messages[0].content %}<{{ p.type }}>{{ p.text }}{% endfor %}"
IMAGE = Image(np.zeros((1, 1, 3), dtype=np.uint8))
AUDIO = Audio(np.zeros(1, dtype=np.float32))


def test_message_texts_are_separate_from_the_templates_own_text() -> None:
    messages = (Message("user", (Text("hi"),)), Message("assistant", (Text("there"),)))
    pieces = ChatTemplate(TEMPLATE, {"eos_token": "!"}).render(messages, enable_thinking=False)
    assert pieces == ["[user]", WrittenText("hi", False), "[assistant]", WrittenText("there", True), "!"]


def test_a_person_cannot_write_a_marker() -> None:
    messages = (Message("user", (Text("\ue0000\ue001"), Text("b"))),)
    pieces = ChatTemplate(TEMPLATE, {}).render(messages, enable_thinking=False)
    assert pieces == ["[user]", WrittenText("\ue0000\ue001", False), WrittenText("b", False)]


def test_media_keep_their_place_among_the_parts() -> None:
    messages = (Message("user", (Text("a"), IMAGE, AUDIO, Text("b"))),)
    pieces = ChatTemplate(PARTS, {}).render(messages, enable_thinking=False)
    assert pieces == ["<text>", WrittenText("a", False), "<image><audio><text>", WrittenText("b", False)]


@pytest.mark.parametrize("enable_thinking", [True, False])
def test_the_template_receives_the_thinking_flag(enable_thinking: bool) -> None:
    template = ChatTemplate("{{ enable_thinking }}{{ add_generation_prompt }}", {})
    assert template.render((), enable_thinking) == [f"{enable_thinking}True"]


def test_a_template_may_refuse() -> None:
    template = ChatTemplate("{{ raise_exception('only users, not ' ~ messages[0].content) }}", {})
    with pytest.raises(PromptRefused) as caught:
        template.render((Message("user", (Text("a secret"),)),), enable_thinking=False)
    assert caught.value.reason == "only users, not "


def test_a_template_is_sandboxed() -> None:
    with pytest.raises(SecurityError):
        ChatTemplate("{{ messages.__class__.__mro__ }}", {}).render((), enable_thinking=False)
