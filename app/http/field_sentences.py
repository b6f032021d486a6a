"""pydantic's messages as sentences that can be translated: their templates, which pydantic does not give."""

from collections.abc import Mapping
from typing import Any, Final

from app.sentence import Sentence

_OWN_REASONS: Final = "Value error, "  # what pydantic puts before the messages of our validators
_PLURAL: Final = "s"
_ITEMS: Final = "item{plural} after validation, not {actual_length}"

TEMPLATES: Final[Mapping[str, str]] = {
    "missing": "Field required",
    "extra_forbidden": "Extra inputs are not permitted",
    "invalid_key": "Keys should be strings",
    "null": "Input must not be null",
    "greater_than": "Input should be greater than {gt}",
    "greater_than_equal": "Input should be greater than or equal to {ge}",
    "less_than": "Input should be less than {lt}",
    "less_than_equal": "Input should be less than or equal to {le}",
    "finite_number": "Input should be a finite number",
    "too_short": f"{{field_type}} should have at least {{min_length}} {_ITEMS}",
    "too_long": f"{{field_type}} should have at most {{max_length}} {_ITEMS}",
    "string_type": "Input should be a valid string",
    "string_unicode": "Input should be a valid string, unable to parse raw data as a unicode string",
    "string_too_short": "String should have at least {min_length} character{plural}",
    "string_too_long": "String should have at most {max_length} character{plural}",
    "string_pattern_mismatch": "String should match pattern '{pattern}'",
    "literal_error": "Input should be {expected}",
    "dict_type": "Input should be a valid dictionary",
    "list_type": "Input should be a valid list",
    "bool_type": "Input should be a valid boolean",
    "bool_parsing": "Input should be a valid boolean, unable to interpret input",
    "int_type": "Input should be a valid integer",
    "int_parsing": "Input should be a valid integer, unable to parse string as an integer",
    "int_parsing_size": "Unable to parse input string as an integer, exceeded maximum size",
    "int_from_float": "Input should be a valid integer, got a number with a fractional part",
    "float_type": "Input should be a valid number",
    "float_parsing": "Input should be a valid number, unable to parse string as a number",
    "date_type": "Input should be a valid date",
    "date_parsing": "Input should be a valid date in the format YYYY-MM-DD, {error}",
    "date_from_datetime_parsing": "Input should be a valid date or datetime, {error}",
}


def pydantic_sentence(detail: Mapping[str, Any]) -> str:  # Any: pydantic's
    """The message of an error. One that is not known here stays in English."""
    context = detail.get("ctx", {})
    if detail["type"] == "value_error":
        reason = context.get("error")
        own = reason.args[0] if isinstance(reason, ValueError) and reason.args else None
        return own if isinstance(own, Sentence) else Sentence(detail["msg"].removeprefix(_OWN_REASONS))
    message: str = detail["msg"]
    template = TEMPLATES.get(detail["type"])
    if template is None:
        return message
    values = {name: _value(name, value) for name, value in context.items()}
    for plural in ("", _PLURAL):
        sentence = Sentence(template, **values, plural=plural) if values else Sentence(template)
        if sentence == message:
            return sentence
    return message


def characters_sentence(kind: str, context: Mapping[str, Any]) -> Sentence:  # Any: pydantic's
    """That a text has too many characters, or too few."""
    count = context.get("min_length", context.get("max_length"))
    return Sentence(TEMPLATES[kind], **context, plural="" if count == 1 else _PLURAL)


def _value(name: str, value: Any) -> Any:
    if name == "expected":
        others, conjunction, last = value.rpartition(" or ")
        return Sentence("{others} or {last}", others=others, last=last) if conjunction else value
    return int(value) if isinstance(value, float) and value.is_integer() else value
