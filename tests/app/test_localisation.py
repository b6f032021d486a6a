"""The language of an error, and whether every sentence has a translation."""

import re
from gettext import GNUTranslations

import pytest
from babel.messages.pofile import read_po

from app.cli.errors_reference import concrete_errors
from app.localisation import CATALOGS, preferred_language, translate
from app.sentence import Sentence, of_engine, of_field

from .messages_of_errors import message_ids, placeholders, unkept_templates

MAY_BE_LEFT_OUT = {"plural", "field_type"}  # Chinese has no plural
OF_OTHER_PYTHONS = {
    "Content Too Large", "Request Entity Too Large", "Unprocessable Content", "Unprocessable Entity",
}  # fmt: skip
CHINESE = re.compile(r"[\u4e00-\u9fff]")


@pytest.fixture(scope="module")
def catalog() -> dict[str, str]:
    with (CATALOGS / "zh-Hans" / "errors.po").open("rb") as file:
        return {message.id: message.string for message in read_po(file) if message.id}


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh-Hans"),
        ("zh-Hans-CN", "zh-Hans"),
        ("ZH-tw", "zh-Hans"),
        ("en-US,zh;q=0.9", "en"),
        ("fr-FR, de;q=0.9, zh;q=0.2, en;q=0.1", "zh-Hans"),
        ("en;q=0.5, zh;q=0.7", "zh-Hans"),
        ("zh;q=0", "en"),
        ("zh;q=2, zh;q=x, *", "en"),
        ("zhx, ;;q=, ,,=", "en"),
        ("fr," * 5000 + "zh", "en"),
    ],
)
def test_the_first_language_that_there_is(header: str, language: str) -> None:
    assert preferred_language(header) == language


def test_every_error_has_a_chinese_sentence() -> None:
    for error in concrete_errors():
        sentence = translate(error.detail, "zh-Hans")
        assert CHINESE.search(sentence), error.code
        assert sentence.endswith("。"), error.code


def test_every_sentence_is_translated_and_no_translation_is_left_over(catalog: dict[str, str]) -> None:
    assert message_ids() - set(catalog) == set()
    assert set(catalog) - message_ids() - OF_OTHER_PYTHONS == set()
    assert all(catalog.values())


def test_translations_have_the_values_of_their_sentences(catalog: dict[str, str]) -> None:
    for english, chinese in catalog.items():
        assert placeholders(english) - MAY_BE_LEFT_OUT == placeholders(chinese), english


def test_the_compiled_catalog_is_that_of_the_source(catalog: dict[str, str]) -> None:
    with (CATALOGS / "zh-Hans" / "errors.mo").open("rb") as file:
        compiled = GNUTranslations(file)
    assert {english: compiled.gettext(english) for english in catalog} == catalog, "run make catalogs"


def test_no_sentence_is_built_before_it_can_be_translated() -> None:
    assert unkept_templates() == []


def test_names_of_fields_and_words_of_others_are_not_translated() -> None:
    sentence = of_field("audio", Sentence("at most {count} of them", count=3))
    assert sentence == "audio: at most 3 of them"
    assert translate(sentence, "zh-Hans") == "audio：最多 3 个"
    quoted = of_engine("text.format", "uses keywords that are not supported: ['if', '{x}']")
    assert quoted == "text.format uses keywords that are not supported: ['if', '{x}']."
    assert translate(quoted, "zh-Hans") == "text.format 使用了不受支持的关键字：['if', '{x}']。"
    assert translate("A template's own words", "zh-Hans") == "A template's own words"
