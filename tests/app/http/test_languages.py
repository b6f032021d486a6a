"""Names of languages in transcriptions."""

import pytest

from app.errors import UnsupportedParameter
from app.http.languages import language_code, language_name


@pytest.mark.parametrize(
    ("code", "text", "name"),
    [
        ("en", "你好", "english"),
        ("yue", "", "cantonese"),
        ("ht", "x", "haitian creole"),
        ("xx", "x", "xx"),
        ("", "打开 app", "chinese"),
        ("", "open it", "english"),
        ("", " ", "unknown"),
    ],
)
def test_language_is_named_by_its_code_or_by_the_letters(code: str, text: str, name: str) -> None:
    assert language_name(code, text) == name


@pytest.mark.parametrize(
    ("said", "known", "code"),
    [
        ("de", frozenset(), "de"),
        (" EN-us ", frozenset(), "en"),
        ("zh_CN", frozenset({"en", "zh"}), "zh"),
        ("English", frozenset({"en"}), "en"),
        ("", frozenset({"en"}), ""),
    ],
)
def test_language_that_a_client_says(said: str, known: frozenset[str], code: str) -> None:
    assert language_code(said, known) == code


@pytest.mark.parametrize(
    ("said", "known", "reason"),
    [
        ("xx", frozenset(), "send a code of ISO 639-1, such as en"),
        ("fr", frozenset({"zh", "en"}), "the model understands only en, zh"),
        ("xx", frozenset(map(str, range(99))), "the model does not understand it"),
    ],
)
def test_language_that_is_not_understood(said: str, known: frozenset[str], reason: str) -> None:
    with pytest.raises(UnsupportedParameter, match=reason) as refused:
        language_code(said, known)
    assert refused.value.param == "language"
