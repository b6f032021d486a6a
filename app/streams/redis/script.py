"""Lua scripts that Redis runs as part of a pipeline: the `.lua` files beside this module."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Self

from redis.asyncio.client import Pipeline

Argument = str | bytes | int


@dataclass(frozen=True, slots=True)
class Script:
    """Read once, when sharing begins. Redis forgets scripts when it restarts."""

    text: str
    digest: str  # under which Redis has it

    @classmethod
    def read(cls, name: str) -> Self:
        text = (files(__package__) / f"{name}.lua").read_text("utf-8")
        return cls(text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())

    def add_load(self, pipeline: Pipeline) -> None:
        """One command, whose result says nothing."""
        pipeline.script_load(self.text)

    def add(self, pipeline: Pipeline, keys: Sequence[str], arguments: Sequence[Argument]) -> None:
        """One command. Its result is `NoScriptError` if Redis does not have the script."""
        pipeline.evalsha(self.digest, len(keys), *keys, *arguments)
