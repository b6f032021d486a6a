"""Sentences in the language that a client reads: English, or Chinese from the catalog in `app/locale`.

The catalog is read at the first error in Chinese. `make catalogs` compiles it.
"""

from collections.abc import Iterable
from functools import cache
from gettext import GNUTranslations, NullTranslations
from pathlib import Path
from typing import Final, Literal

from app.sentence import Sentence

Language = Literal["en", "zh-Hans"]
CATALOGS: Final = Path(__file__).parent / "locale"
_BY_PRIMARY: Final[dict[str, Language]] = {"en": "en", "zh": "zh-Hans"}
_MAX_HEADER_LENGTH: Final = 1000
_MAX_RANGES: Final = 20


def language_of(headers: Iterable[tuple[bytes, bytes]]) -> Language:
    """What a request prefers. `headers` are ASGI's, with names in lower case."""
    values = [value for name, value in headers if name == b"accept-language"]
    return preferred_language(b",".join(values).decode("latin-1")) if values else "en"


def preferred_language(accept_language: str) -> Language:
    """The first of `Accept-Language` (RFC 9110, section 12.5.4) that there is; English without one.

    Chinese in any script and region gets the simplified one.
    """
    best: Language = "en"
    best_quality = 0.0
    for item in accept_language[:_MAX_HEADER_LENGTH].split(",")[:_MAX_RANGES]:
        language_range, _, parameters = item.partition(";")
        language = _BY_PRIMARY.get(language_range.strip().partition("-")[0].lower())
        quality = _quality(parameters)
        if language is not None and quality > best_quality:
            best, best_quality = language, quality
    return best


def translate(text: str, language: Language) -> str:
    """The text itself where there is no translation, as of a model's own words."""
    if language == "en" or not text:
        return str(text)
    catalog = _catalog(language)
    if not isinstance(text, Sentence):
        return catalog.gettext(text)
    template = catalog.gettext(text.template)
    if not text.values:
        return template
    values = {
        name: translate(value, language) if isinstance(value, Sentence) else value
        for name, value in text.values.items()
    }
    return template.format(**values)


def _quality(parameters: str) -> float:
    name, _, value = parameters.partition("=")
    if name.strip().lower() != "q":
        return 1.0
    try:
        quality = float(value)
    except ValueError:
        return 0.0
    return quality if 0 <= quality <= 1 else 0.0


@cache
def _catalog(language: Language) -> NullTranslations:
    with (CATALOGS / language / "errors.mo").open("rb") as file:
        return GNUTranslations(file)
