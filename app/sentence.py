"""Sentences for clients: English text that keeps its template and its values, to be translated."""

import re
from typing import Any


class Sentence(str):
    """`Sentence("At most {count} of them.", count=3)` is the text "At most 3 of them."

    A value that is itself to be translated is a `Sentence`; every other value, such as the name of a field,
    stays as it is. Without values the text is the template, and braces in it mean nothing.
    """

    template: str
    values: dict[str, Any]  # Any: what `str.format` takes

    def __new__(cls, template: str, **values: Any) -> "Sentence":
        self = super().__new__(cls, template.format(**values) if values else template)
        self.template = template
        self.values = values
        return self


def of_field(field: str, reason: str) -> Sentence:
    """A sentence about one field. Without a field, the reason alone."""
    reason = reason if isinstance(reason, Sentence) else Sentence(reason)
    return Sentence("{field}: {reason}", field=field, reason=reason) if field else reason


def of_engine(field: str, reason: str) -> Sentence:
    """Why the engine's compiler refuses a field."""
    return Sentence("{field} {reason}.", field=field, reason=engine_reason(reason))


def engine_reason(reason: str) -> Sentence:
    """A phrase of the engine, which may end with a detail or a quotation after a colon."""
    what, *details = re.split(r"(?<=\S): ", reason, maxsplit=1)
    if not details:
        return Sentence(reason)
    (detail,) = details
    return Sentence("{what}: {detail}", what=Sentence(what), detail=Sentence(detail))
