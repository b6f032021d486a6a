"""The command `llm`, with the gateway's model in its file of further models."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from gateways import (
    MODEL,
    Trip,
    called_with,
    check_picture,
    check_text,
    check_trip,
    check_weather,
    key,
    picture,
    url,
)

FUNCTIONS = """
def weather(city: str) -> str:
    "The weather of a city"
    import pathlib
    pathlib.Path("called").write_text(city)
    return f"sunny in {city}"
"""


def llm(ability: str, *arguments: str) -> str:
    """In a new directory, which is deleted."""
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        model = {
            "model_id": "gateway",
            "model_name": MODEL,
            "api_base": url(ability),
            "api_key_name": "gateway",
            "vision": True,
            "supports_schema": True,
            "supports_tools": True,
        }
        (place / "extra-openai-models.yaml").write_text(json.dumps([model]))  # JSON is YAML
        (place / "keys.json").write_text(json.dumps({"gateway": key()}))
        (place / "picture.png").write_bytes(picture())
        program = Path(sys.executable).with_name("llm")
        done = subprocess.run(
            [program, "-m", "gateway", *arguments],
            cwd=place,
            env=os.environ | {"LLM_USER_PATH": directory},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        if (place / "called").exists():
            called_with.append((place / "called").read_text())
        return done.stdout


def text() -> None:
    check_text(llm("text", "--no-stream", "hello"))


def stream() -> None:
    check_text(llm("text", "hello"))


def see() -> None:
    check_picture(llm("text", "look", "-a", "picture.png"))


def typed() -> None:
    schema = json.dumps(Trip.model_json_schema())
    check_trip(Trip.model_validate_json(llm("typed", "hello", "--schema", schema)))


def tools() -> None:
    check_weather(llm("tools", "hello", "--functions", FUNCTIONS))


CLIENTS = {"llm": {"text": text, "stream": stream, "picture": see, "typed": typed, "tools": tools}}
