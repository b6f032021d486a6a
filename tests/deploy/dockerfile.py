"""deploy/Dockerfile, taken apart as far as the tests need it."""

import json
import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

DOCKERFILE: Final = Path(__file__).parents[2] / "deploy" / "Dockerfile"


@dataclass
class Stage:
    """What stands between two FROM lines; instructions in order, continued lines joined."""

    name: str
    base: str
    instructions: list[tuple[str, str]] = field(default_factory=list)

    def last(self, keyword: str) -> str:
        return [rest for name, rest in self.instructions if name == keyword][-1]

    def command(self, keyword: str) -> list[str]:
        """The words of an ENTRYPOINT, CMD or HEALTHCHECK in its JSON form."""
        words: list[str] = json.loads(re.sub(r"^[^\[]*", "", self.last(keyword)))
        return words

    @property
    def environment(self) -> dict[str, str]:
        lines = [rest for name, rest in self.instructions if name == "ENV"]
        return dict(word.split("=", 1) for line in lines for word in shlex.split(line))

    @property
    def sources(self) -> list[str]:
        """What is copied from the source tree."""
        copies = [rest.split() for name, rest in self.instructions if name == "COPY"]
        return [word for words in copies if "--from" not in words[0] for word in words[:-1]]


def read_stages() -> dict[str, Stage]:
    stages: dict[str, Stage] = {}
    stage = Stage("", "")
    text = re.sub(r"^#.*\n", "", DOCKERFILE.read_text(), flags=re.MULTILINE)
    for line in text.replace("\\\n", " ").splitlines():
        keyword, _, rest = line.strip().partition(" ")
        if keyword == "FROM":
            base, _, name = rest.split()
            stage = stages[name] = Stage(name, base)
        elif keyword:
            stage.instructions.append((keyword, rest))
    return stages
