"""Where the gateways are, what clients send to them, and what they should get.

The gateway of each ability has a scripted reply: "text" repeats the prompt, "typed" writes a trip, "tools"
calls `weather` and then repeats the prompt, so that its response contains the function's result.
"""

import base64
from pathlib import Path
from typing import Literal

from pydantic import BaseModel

MODEL = "autoglm-phone-9b"
PICTURE_SEEN = "image(8x6)"


class Trip(BaseModel):
    city: Literal["Rome", "Oslo"]
    days: int


TRIP = Trip(city="Rome", days=3)
WEATHER_SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
_given: dict[str, str] = {}
called_with: list[str] = []


def use(given: dict[str, str]) -> None:
    _given.update(given)


def url(ability: str) -> str:
    return _given[ability]


def key() -> str:
    return _given["key"]


def picture() -> bytes:
    return Path(_given["picture"]).read_bytes()


def picture_url() -> str:
    return "data:image/png;base64," + base64.b64encode(picture()).decode()


def weather(city: str) -> str:
    """The weather of a city."""
    called_with.append(city)
    return f"sunny in {city}"


def check_text(text: object) -> None:
    assert isinstance(text, str), text
    assert "hello" in text, text


def check_pieces(pieces: list[str]) -> None:
    assert len([piece for piece in pieces if piece]) > 1, pieces
    check_text("".join(pieces))


def check_picture(text: object) -> None:
    assert isinstance(text, str), text
    assert PICTURE_SEEN in text, text


def check_trip(trip: object) -> None:
    assert trip == TRIP, trip


def check_weather(text: object) -> None:
    """The function was called, and the model saw its result."""
    assert called_with == ["Rome"], called_with
    called_with.clear()
    assert isinstance(text, str), text
    assert "sunny in Rome" in text, text
