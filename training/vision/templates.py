"""How people ask about pictures: the phrasings of templates.txt by kind, in the notation of `text.frames`.

Held-out phrasings are never trained on; each of their words is.
"""

import re
from functools import cache
from pathlib import Path

from training.text.frames import Phrasings, phrasings

_FILE = Path(__file__).with_name("templates.txt")
_HEADING = re.compile(r"\[([a-z.]+) (en|zh) (train|held_out)\]")
_LIKE_A_HEADING = re.compile(r"\[[^\[\]]*\]")  # as a phrasing it would leave all of itself out


@cache
def load_templates() -> dict[str, Phrasings]:
    """Returns phrasings with {fields} by kind."""
    return parse_templates(_FILE.read_text("utf-8"))


def parse_templates(text: str) -> dict[str, Phrasings]:
    """Raises `ValueError` for a heading that is mistyped or stands twice."""
    sections: dict[str, dict[str, str]] = {}
    name, section = "", None
    for line in map(str.strip, text.splitlines()):
        if heading := _HEADING.fullmatch(line):
            kind, language, split = heading.groups()
            name, section = f"{split}_{language}", sections.setdefault(kind, {})
            if name in section:
                raise ValueError(f"a heading that stands twice: {line}")
            section[name] = ""
        elif line:
            if section is None or _LIKE_A_HEADING.fullmatch(line):
                raise ValueError(f"not a heading: {line}")
            section[name] += line + "\n"
    return {kind: phrasings(**texts) for kind, texts in sections.items()}
