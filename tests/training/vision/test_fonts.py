"""Type that can be read where the model sees it, and typefaces that training does not show."""

from string import ascii_letters

import numpy as np
import pytest

from training.text.phrasings import words
from training.vision import sketch
from training.vision.fonts import FAMILIES, Face, FontsMissing, find_fonts, measure, text_mask
from training.vision.labels import all_labels

pytestmark = pytest.mark.slow


def faces(fonts, language, any_type=True):
    files = find_fonts(fonts)
    for family in FAMILIES:
        if family.language == language and (family.usual or any_type):
            for file in (files[family.regular], files[family.bold]):
                yield Face(file, file)


def height(mask):
    rows = np.flatnonzero(np.asarray(mask).max(axis=1) > 127)
    return rows[-1] - rows[0] + 1


def test_no_held_out_family_is_trained_on():
    trained = {family.regular for family in FAMILIES if family.split == "train"}
    held_out = {family.regular for family in FAMILIES if family.split == "held_out"}
    assert held_out
    assert not trained & held_out


def test_missing_fonts_are_named(tmp_path):
    with pytest.raises(FontsMissing, match=r"Roboto-Regular\.ttf"):
        find_fonts(tmp_path)


def test_the_smallest_capitals_are_nine_pixels_high(fonts):
    for face in faces(fonts, "en", any_type=False):
        assert height(text_mask("H", face, sketch.SMALLEST_EM["en"])) >= 9, face


def test_the_smallest_chinese_is_fourteen_pixels_high(fonts):
    for face in faces(fonts, "zh", any_type=False):
        assert height(text_mask("国", face, sketch.SMALLEST_EM["zh"])) >= 14, face


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_face_has_every_character(fonts, language):
    written = {"en": "0123456789$¥.:% " + ascii_letters, "zh": "".join(words("copied_text")["words"]["zh"])}[
        language
    ]
    characters = sorted(set("".join(all_labels(language))) | set(written))
    for face in faces(fonts, language):
        missing = np.asarray(text_mask("\U000fffff", face, 40.0))
        for character in characters:
            shape = np.asarray(text_mask(character, face, 40.0))
            assert character == " " or not np.array_equal(shape, missing), (character, face)


def test_a_mask_is_as_wide_as_its_text(fonts):
    face = next(faces(fonts, "en"))
    for em in (15.0, 33.3, 100.0, 240.0):
        assert text_mask("Settings", face, em).width == pytest.approx(measure("Settings", face) * em, abs=1)
