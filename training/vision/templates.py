"""How people ask about pictures: the phrasings of templates.txt by kind, in the notation of `text.frames`.

Held-out phrasings are never trained on; each of their words is.
"""

import re
from functools import cache
from pathlib import Path

from training.text.frames import Phrasings, phrasings

_FILE = Path(__file__).with_name("templates.txt")
_HEADING = re.compile(r"\[([a-z.]+) (en|zh) (train|held_out)\]")


@cache
def load_templates() -> dict[str, Phrasings]:
    """Returns phrasings with {fields} by kind."""
    sections: dict[str, dict[str, str]] = {}
    for line in _FILE.read_text("utf-8").splitlines():
        if heading := _HEADING.fullmatch(line):
            kind, language, split = heading.groups()
            section = sections.setdefault(kind, {})
            name = f"{split}_{language}"
            section[name] = ""
        elif line:
            section[name] += line + "\n"
    return {kind: phrasings(**texts) for kind, texts in sections.items()}
