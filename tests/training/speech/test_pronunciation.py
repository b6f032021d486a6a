"""Names are said as people say them."""

from training.speech.espeak import read_aloud
from training.speech.pronunciation import SAID_AS, as_spoken
from training.text.phrasings import words


def test_names_are_respelled_where_they_stand_alone():
    assert as_spoken("open WeChat or weibo") == "open we chat or way bo"
    assert as_spoken("打开微信") == "打开微信"
    assert as_spoken("a tuber") == "a tuber"


def test_each_respelling_is_of_an_app_and_sounds_otherwise():
    assert SAID_AS.keys() <= {name.lower() for name in words("apps")["known"]["en"]}
    for name, respelled in SAID_AS.items():
        assert read_aloud(name, "en-us") != read_aloud(respelled, "en-us").replace(" ", "")
    assert read_aloud(as_spoken("uber"), "en-us") == "'u:b3"
