"""Names of languages in transcriptions."""

import pytest

from app.http.languages import language_name


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
