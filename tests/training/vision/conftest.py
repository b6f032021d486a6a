"""Fonts for the tests that draw."""

import os

import pytest

from training.vision.fonts import SYSTEM_FONTS, FontsMissing, find_fonts


@pytest.fixture(scope="session")
def fonts():
    """The directory of the fonts. Without them the test is left out, except in continuous integration."""
    try:
        find_fonts(SYSTEM_FONTS)
    except FontsMissing as error:
        if os.environ.get("CI", "").lower() == "true":
            pytest.fail(str(error), pytrace=False)
        pytest.skip(str(error))
    return SYSTEM_FONTS
