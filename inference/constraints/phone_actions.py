r"""The actions of a phone agent, as Open-AutoGLM's prompt describes them and its parser reads them.

`do(action="Tap", element=[x,y])` or `finish(message="…")`. Open-AutoGLM reads the texts of Type, Type_Name
and finish as they are, and every other action as a Python call. Here texts have no backslash and not the
quote that encloses them, so that both ways of reading give the same. Midscene reads no point with a space.
"""

import re
from typing import Final

_TEXTS: Final = ("Type", "Type_Name")
_PLAIN: Final = ("Interact", "Back", "Home")
_NUMBER: Final = "(0|[1-9][0-9]{0,2})"
_POINT: Final = rf"\[{_NUMBER}, ?{_NUMBER}\]"
_LINE: Final = r"""("[^"\\\x00-\x1f\x7f]*"|'[^'\\\x00-\x1f\x7f]*')"""
_LINES: Final = r"""("[^"\\\x00-\x09\x0b-\x1f\x7f]*"|'[^'\\\x00-\x09\x0b-\x1f\x7f]*')"""
_SECONDS: Final = r'"[0-9]{1,3}(\.[0-9])? seconds"'

# A text must not contain the beginning of an action, at which Open-AutoGLM's client splits the response. A
# mask costs milliseconds in each new state of the lexer, so what is excluded starts with a rare character.
ACTION_RULES: Final = rf"""
action: "do(action=" do ")" | "finish(message=" LINES ")"
do: "\"Launch\", app=" LINE
  | "\"Tap\", element=" POINT (", message=" LINE)?
  | "\"Double Tap\", element=" POINT
  | "\"Long Press\", element=" POINT
  | "\"Swipe\", start=" POINT ", end=" POINT
  | "\"Type\", text=" LINES
  | "\"Type_Name\", text=" LINES
  | "\"Note\", message=" LINE
  | "\"Call_API\", instruction=" LINE
  | "\"Take_over\", message=" LINE
  | "\"Wait\", duration=" SECONDS
  | "\"Interact\""
  | "\"Back\""
  | "\"Home\""
POINT: /\[{_NUMBER},{_NUMBER}\]/
SECONDS: /{_SECONDS}/
LINE: /{_LINE}/ & ~BEGINNING
LINES: /{_LINES}/ & ~BEGINNING
BEGINNING: /(?s:.*)\((action|message)=(?s:.*)/
"""

_QUOTED = r"""(?:"([^"\\\x00-\x09\x0b-\x1f\x7f]*)"|'([^'\\\x00-\x09\x0b-\x1f\x7f]*)')"""
_BEGINNING = re.compile(r"\((?:action|message)=")
_ARGUMENT = re.compile(rf"(app|message|text|instruction|duration)={_QUOTED}|(element|start|end)={_POINT}")
_DO = re.compile(r'do\(action="([A-Z][A-Za-z_ ]*)"((?:, .*)?)\)', re.DOTALL)
_FINISH = re.compile(rf"finish\(message={_QUOTED}\)", re.DOTALL)
_PARAMETERS: Final[dict[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {  # required and optional
    "Launch": (("app",), ()),
    "Tap": (("element",), ("message",)),
    "Double Tap": (("element",), ()),
    "Long Press": (("element",), ()),
    "Swipe": (("start", "end"), ()),
    "Note": (("message",), ()),
    "Call_API": (("instruction",), ()),
    "Take_over": (("message",), ()),
    "Wait": (("duration",), ()),
    **dict.fromkeys(_TEXTS, (("text",), ())),
    **dict.fromkeys(_PLAIN, ((), ())),
}


def parse_action(text: str) -> dict[str, object]:
    """Returns the action with `_metadata` ("do" or "finish"), as Open-AutoGLM's parser does.

    It accepts what the grammar generates, and a space in a point. Raises ValueError for anything else.
    """
    text = text.strip()
    if len(_BEGINNING.findall(text)) != 1:
        raise ValueError("not one action")
    finish = _FINISH.fullmatch(text)
    if finish is not None:
        return {"_metadata": "finish", "message": _text_of(finish[1], finish[2])}
    do = _DO.fullmatch(text)
    if do is None or do[1] not in _PARAMETERS or ("\n" in text and do[1] not in _TEXTS):
        raise ValueError("not an action")
    arguments = _parse_arguments(do[2])
    required, optional = _PARAMETERS[do[1]]
    if tuple(arguments) not in (required, required + optional):
        raise ValueError("not the parameters of the action")
    return {"_metadata": "do", "action": do[1], **arguments}


def _parse_arguments(text: str) -> dict[str, object]:
    arguments: dict[str, object] = {}
    place = 0
    while place < len(text):
        argument = _ARGUMENT.match(text, place + len(", ")) if text.startswith(", ", place) else None
        if argument is None:
            raise ValueError("not an argument of an action")
        place = argument.end()
        if argument[1] is not None:
            arguments[argument[1]] = _text_of(argument[2], argument[3])
        else:
            arguments[argument[4]] = [int(argument[5]), int(argument[6])]
    return arguments


def _text_of(double_quoted: str | None, single_quoted: str | None) -> str:
    return (double_quoted if double_quoted is not None else single_quoted) or ""
