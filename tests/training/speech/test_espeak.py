"""eSpeak NG speaks in this process, the same for the same arguments."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from training.speech.espeak import SAMPLE_RATE, Installation, Manner, SynthesisFailed, read_aloud, speak

from .measures import pitch

SENTENCE = "Set an alarm for seven thirty in the morning."


@pytest.mark.parametrize("voice", ["en-us+f2", "en-us+Reed"])  # the other breathes
def test_equal_arguments_give_equal_samples_whatever_was_said_between(voice):
    first = speak(SENTENCE, voice, Manner(), seed=1)
    speak("打开微信", "cmn+m3", Manner(rate=200), seed=2)
    assert np.array_equal(first, speak(SENTENCE, voice, Manner(), seed=1))
    assert not np.array_equal(first, speak(SENTENCE, voice, Manner(), seed=2))


def test_speech_is_as_long_as_such_a_sentence_takes_and_neither_silent_nor_cut_off():
    said = speak(SENTENCE, "en-us", Manner(), seed=1)
    assert said.dtype == np.float32
    assert 1.5 < len(said) / SAMPLE_RATE < 4
    assert 0.02 < np.sqrt(np.mean(said**2)) < np.abs(said).max() <= 1


def test_manner_is_heard():
    plain, fast = (speak(SENTENCE, "en-us", Manner(rate=rate), seed=1) for rate in (150, 220))
    assert len(fast) < 0.8 * len(plain)
    low, high = (speak(SENTENCE, "en-us", Manner(pitch=value), seed=1) for value in (20, 80))
    assert pitch(high, SAMPLE_RATE) > 1.3 * pitch(low, SAMPLE_RATE)
    spaced = speak(SENTENCE, "en-us", Manner(rate=150, word_gap=10), seed=1)
    assert len(spaced) > len(plain) + 0.4 * SAMPLE_RATE


def test_chinese_characters_are_read_in_chinese_and_latin_letters_in_english():
    assert "(en)" not in read_aloud("请帮我打开微信，搜索哔哩哔哩。", "cmn")
    assert "(en)" in read_aloud("打开WeChat", "cmn")


def test_an_unknown_voice_or_missing_data_or_library_is_said(tmp_path):
    installed = Installation.of_package()
    with pytest.raises(SynthesisFailed, match="nobody"):
        speak(SENTENCE, "nobody", Manner(), seed=1)
    for broken in (
        dataclasses.replace(installed, data=tmp_path),
        dataclasses.replace(installed, library=Path("/nowhere.so")),
    ):
        with pytest.raises(SynthesisFailed, match=r"nowhere|data"):
            speak(SENTENCE, "en-us", Manner(), seed=1, installation=broken)
    assert len(speak(SENTENCE, "en-us", Manner(), seed=1))
