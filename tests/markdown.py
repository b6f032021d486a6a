"""What is written in the project's Markdown: links, anchors, code blocks, names of files and settings."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).parents[1]

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_PICTURE = re.compile(r'\bsrc(?:set)?="([^"]+)"')
_REFERENCE = re.compile(r"\[[^\]]+\]\[([^\]]*)\]")
_DEFINITION = re.compile(r"^\[([^\]]+)\]: \S+$", re.MULTILINE)
_HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)
_CODE = re.compile(r"`([^`\n]+)`")


@dataclass(frozen=True)
class Document:
    path: Path

    def __str__(self) -> str:
        return self.path.relative_to(ROOT).as_posix()

    @cached_property
    def text(self) -> str:
        return self.path.read_text()

    @cached_property
    def prose(self) -> str:
        """Without what stands in blocks of code."""
        return _FENCE.sub("", self.text)

    def blocks(self, language: str) -> list[str]:
        return [body for name, body in _FENCE.findall(self.text) if name == language]

    def links(self) -> list[str]:
        """Markdown's own, and pictures in HTML."""
        return _LINK.findall(self.prose) + _PICTURE.findall(self.prose)

    def undefined_references(self) -> set[str]:
        """Of links like `[text][name]`, which need a line `[name]: address`."""
        used = {name for name in _REFERENCE.findall(_CODE.sub("", self.prose)) if name}
        return used - set(_DEFINITION.findall(self.prose))

    def code_spans(self) -> list[str]:
        return _CODE.findall(self.prose)

    def anchors(self) -> set[str]:
        """As GitHub makes them of headings."""
        return {_slug(heading) for heading in _HEADING.findall(self.prose)}


def _slug(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def documents() -> list[Document]:
    """All that the project has written itself."""
    paths = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return [Document(path) for path in paths]


def commands(shell: str) -> Iterator[str]:
    """The commands of a shell block, one by one: continued lines joined, comments left out."""
    for line in shell.replace("\\\n", " ").splitlines():
        command = re.sub(r"(^|\s)#.*$", "", line).strip()
        if command:
            yield command
