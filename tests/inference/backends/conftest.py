"""Engines of others, each started once in a process of tests."""

from collections.abc import Callable, Iterator

import pytest

from .remote.engines.canned_glm4 import write_canned_glm4
from .remote.engines.engine import ENGINES, Engine

GetEngine = Callable[[str], Engine]


@pytest.fixture(scope="session")
def get_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GetEngine]:
    """An engine by its name, with the GLM-4 that writes REPLY. Leaves the test out where it is missing."""
    engines: dict[str, Engine] = {}

    def get(name: str) -> Engine:
        if name not in engines:
            directory = tmp_path_factory.mktemp(name)
            write_canned_glm4(directory, can_think="thinking" in ENGINES[name].abilities)
            engines[name] = Engine.start(name, directory, directory / "log")
        return engines[name]

    yield get
    for engine in engines.values():
        engine.kill()
