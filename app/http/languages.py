"""Names of languages, as OpenAI's transcriptions have them (in English and lower case), and their codes."""

import unicodedata
from collections.abc import Set as AbstractSet
from typing import Final

from app.errors import UnsupportedParameter
from app.sentence import Sentence, of_field

UNKNOWN: Final = "unknown"

_NAMES: Final = {
    "af": "afrikaans", "am": "amharic", "ar": "arabic", "as": "assamese", "az": "azerbaijani",
    "ba": "bashkir", "be": "belarusian", "bg": "bulgarian", "bn": "bengali", "bo": "tibetan",
    "br": "breton", "bs": "bosnian", "ca": "catalan", "cs": "czech", "cy": "welsh", "da": "danish",
    "de": "german", "el": "greek", "en": "english", "es": "spanish", "et": "estonian", "eu": "basque",
    "fa": "persian", "fi": "finnish", "fo": "faroese", "fr": "french", "gl": "galician",
    "gu": "gujarati", "ha": "hausa", "haw": "hawaiian", "he": "hebrew", "hi": "hindi", "hr": "croatian",
    "ht": "haitian creole", "hu": "hungarian", "hy": "armenian", "id": "indonesian", "is": "icelandic",
    "it": "italian", "ja": "japanese", "jw": "javanese", "ka": "georgian", "kk": "kazakh", "km": "khmer",
    "kn": "kannada", "ko": "korean", "la": "latin", "lb": "luxembourgish", "ln": "lingala", "lo": "lao",
    "lt": "lithuanian", "lv": "latvian", "mg": "malagasy", "mi": "maori", "mk": "macedonian",
    "ml": "malayalam", "mn": "mongolian", "mr": "marathi", "ms": "malay", "mt": "maltese",
    "my": "myanmar", "ne": "nepali", "nl": "dutch", "nn": "nynorsk", "no": "norwegian", "oc": "occitan",
    "pa": "punjabi", "pl": "polish", "ps": "pashto", "pt": "portuguese", "ro": "romanian",
    "ru": "russian", "sa": "sanskrit", "sd": "sindhi", "si": "sinhala", "sk": "slovak",
    "sl": "slovenian", "sn": "shona", "so": "somali", "sq": "albanian", "sr": "serbian",
    "su": "sundanese", "sv": "swedish", "sw": "swahili", "ta": "tamil", "te": "telugu", "tg": "tajik",
    "th": "thai", "tk": "turkmen", "tl": "tagalog", "tr": "turkish", "tt": "tatar", "uk": "ukrainian",
    "ur": "urdu", "uz": "uzbek", "vi": "vietnamese", "yi": "yiddish", "yo": "yoruba", "yue": "cantonese",
    "zh": "chinese",
}  # fmt: skip


_CODES: Final = {name: code for code, name in _NAMES.items()}
_MOST_LISTED: Final = 10
_FIELD: Final = "language"


def language_code(said: str, known: AbstractSet[str]) -> str:
    """The code for what a client said: `en`, `en-US`, `EN` and `English` are "en". Nothing is "".

    Raises `UnsupportedParameter` for a language that the model does not know; it knows every one if `known`
    is empty.
    """
    name = said.strip().casefold()
    if not name:
        return ""
    code = _CODES.get(name) or name.replace("_", "-").partition("-")[0]
    if code in (known or _NAMES):
        return code
    reason = Sentence("send a code of ISO 639-1, such as en")
    if 0 < len(known) <= _MOST_LISTED:
        languages = ", ".join(sorted(known))
        reason = Sentence("the model understands only {languages}", languages=languages)
    elif known:
        reason = Sentence("the model does not understand it")
    sentence = Sentence("{reason}; leave it out to have it detected", reason=reason)
    raise UnsupportedParameter(of_field(_FIELD, sentence), param=_FIELD)


def language_name(code: str, text: str) -> str:
    """Of a code such as "en". Without one, by the letters: models that know Chinese and English name none."""
    if code:
        return _NAMES.get(code, code)
    if not text.strip():
        return UNKNOWN
    is_chinese = any(unicodedata.name(character, "").startswith("CJK UNIFIED") for character in text)
    return "chinese" if is_chinese else "english"
