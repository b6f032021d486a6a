"""What an engine says about a request that it refuses, as OpenAI, vLLM, SGLang, FastAPI and Google say it."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from inference.backends.remote.json_values import text_of

# FastAPI and vLLM quote the refused value, which may be a user's text.
_QUOTED_VALUE = re.compile(r"""['"]input['"]\s*:.*""", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Complaint:
    """`members` of the request are named apart from the message. Nothing of this is shown or logged."""

    message: str
    members: tuple[str, ...] = ()
    code: str = ""
    kind: str = ""


def complaint_of(text: str) -> Complaint:
    """`text` is the body of a response, or JSON of the error in an event."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return Complaint(text)
    if isinstance(value, list) and value:
        value = value[0]
    if isinstance(value, Mapping) and isinstance(value.get("error"), Mapping | str):
        value = value["error"]
    if isinstance(value, str):
        return Complaint(_without_value(value))
    if not isinstance(value, Mapping):
        return Complaint("")
    if isinstance(value.get("detail"), list):
        return _complaint_of_fields(value["detail"])
    message = next((each for name in ("message", "detail", "msg") if (each := text_of(value.get(name)))), "")
    param = text_of(value.get("param"))
    members = (re.split(r"[.\[]", param.removeprefix("body."), maxsplit=1)[0],) if param else ()
    return Complaint(_without_value(message), members, text_of(value.get("code")), text_of(value.get("type")))


def _complaint_of_fields(details: list[Any]) -> Complaint:
    """Of FastAPI: one for each field, whose place begins with "body"."""
    fields = [each for each in details if isinstance(each, Mapping)]
    places = [each["loc"] for each in fields if isinstance(each.get("loc"), list)]
    members = tuple(text_of(place[1]) for place in places if len(place) > 1)
    kinds = [f"{text_of(each.get('type'))} {text_of(each.get('msg'))}" for each in fields]
    return Complaint("; ".join(map(_without_value, kinds)), members)


def _without_value(message: str) -> str:
    return _QUOTED_VALUE.sub("", message)
