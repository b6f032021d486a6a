"""How people ask about pictures: the phrasings of templates.txt by kind, language and split.

Held-out phrasings are never trained on; each of their words is.
"""

from functools import cache
from pathlib import Path

from training.example import Language, Split

_FILE = Path(__file__).with_name("templates.txt")


@cache
def load_templates() -> dict[tuple[str, str, str], tuple[str, ...]]:
    """Returns phrasings with {fields} by (kind, language, split)."""
    sections: dict[tuple[str, str, str], list[str]] = {}
    for line in _FILE.read_text("utf-8").splitlines():
        if line.startswith("[") and line.endswith("]"):
            kind, language, split = line[1:-1].split()
            phrasings = sections.setdefault((kind, language, split), [])
        elif line:
            phrasings.append(line)
    return {key: tuple(phrasings) for key, phrasings in sections.items()}


def templates(kind: str, language: Language, split: Split) -> tuple[str, ...]:
    return load_templates()[kind, language, split]
