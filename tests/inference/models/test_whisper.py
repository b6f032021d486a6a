"""Whisper step by step against transformers: the same features, the same tokens."""

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from inference.loading.recogniser import load_recogniser
from inference.modalities.audio import log_mel
from inference.models.whisper import Whisper

from ..tiny_whisper import (
    CHINESE,
    END,
    ENGLISH,
    NO_TIMESTAMPS,
    SECOND,
    WhisperForConditionalGeneration,
    tone,
    write_whisper,
)

RECORDINGS = 50


@pytest.fixture(scope="module")
def checkpoint(
    tmp_path_factory: pytest.TempPathFactory, device: str
) -> tuple[WhisperForConditionalGeneration, Whisper]:
    """The reference, on the CPU, and our model."""
    directory = tmp_path_factory.mktemp("whisper")
    return write_whisper(directory), load_recogniser(str(directory), device).model


def recording(number: int) -> NDArray[np.float32]:
    """Up to a second of tones in noise."""
    chance = np.random.default_rng(number)
    wave = tone(chance.uniform(0.05, 1.0), chance.uniform(100, 4000))
    return (wave + chance.normal(0, 0.05, len(wave))).astype(np.float32)


def transcribe(model: Whisper, samples: NDArray[np.float32]) -> list[int]:
    window = model.encode_window(samples)
    while model.next_token(window) is not None:
        pass
    return window.token_ids


@pytest.mark.parametrize("seconds", [0.0, 0.5, 29.99, 30.0])
def test_features_are_those_of_whispers_own_extractor(seconds: float) -> None:
    from transformers import WhisperFeatureExtractor

    samples = tone(seconds) + np.random.default_rng(0).normal(0, 0.02, int(seconds * SECOND)).astype(
        np.float32
    )
    theirs = WhisperFeatureExtractor()(samples, sampling_rate=SECOND, return_tensors="pt").input_features[0]
    torch.testing.assert_close(log_mel(samples, 80, 3000), theirs, atol=1e-4, rtol=0)


def test_tokens_are_those_of_generate_on_fifty_recordings(
    checkpoint: tuple[WhisperForConditionalGeneration, Whisper], device: str
) -> None:
    reference, model = checkpoint
    if device != "cpu":
        pytest.skip("it computes in 16 bits there, where rounding shows in the tokens of random weights")
    languages = set()
    heard = set()
    for number in range(RECORDINGS):
        samples = recording(number)
        features = log_mel(samples, 20, 100)[None]
        expected = reference.generate(features, task="transcribe", do_sample=False)[0].tolist()
        tokens = transcribe(model, samples)
        assert tokens == [token for token in expected if token != END]
        languages.add(model.encode_window(samples).language)
        assert model.encode_window(samples).language == int(reference.detect_language(features))
        heard.add(tuple(tokens))
    assert len(languages) > 2
    assert len(heard) > RECORDINGS / 2, "the transcripts hardly depend on the recordings"


def test_no_timestamps_are_generated(tmp_path: Path, device: str) -> None:
    write_whisper(tmp_path, suppress_tokens=[])
    model = load_recogniser(str(tmp_path), device).model
    assert max(max(transcribe(model, recording(number)), default=0) for number in range(8)) < NO_TIMESTAMPS


def test_a_window_ends_when_the_decoder_is_full(
    checkpoint: tuple[WhisperForConditionalGeneration, Whisper],
) -> None:
    model = checkpoint[1]
    lengths = {len(transcribe(model, recording(number))) for number in range(8)}
    assert max(lengths) <= model.max_tokens - 4


def test_a_given_language_is_not_detected(
    checkpoint: tuple[WhisperForConditionalGeneration, Whisper],
) -> None:
    model = checkpoint[1]
    found = model.encode_window(recording(0)).language
    other = CHINESE if found == ENGLISH else ENGLISH
    assert model.encode_window(recording(0), other).language == other
    assert (model.language_of("zh"), model.language_of("xx")) == (CHINESE, None)
    assert {"en", "zh"} <= model.languages


def test_earlier_recordings_change_nothing(
    checkpoint: tuple[WhisperForConditionalGeneration, Whisper],
) -> None:
    model = checkpoint[1]
    first = transcribe(model, recording(1))
    interrupted = model.encode_window(recording(2))
    model.next_token(interrupted)
    assert transcribe(model, recording(1)) == first


def test_a_model_of_one_language_gets_no_language_token(tmp_path: Path, device: str) -> None:
    write_whisper(tmp_path, lang_to_id=None, task_to_id=None, is_multilingual=False)
    model = load_recogniser(str(tmp_path), device).model
    assert (model.languages, model.language_of("en")) == ({"en"}, None)
    window = model.encode_window(recording(0))
    assert window.language is None
    assert window.prefix_length == 2
