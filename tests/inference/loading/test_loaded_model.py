"""Messages to prompts: positions of media, tasks, and refusals."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from inference.config import EngineConfig
from inference.engine.engine import Engine
from inference.errors import GenerationFailed, PromptTooLong, UnsupportedModality
from inference.loading.chat_template import ChatTemplate
from inference.loading.loaded_model import TRANSCRIBE, LoadedModel, hash_media
from inference.loading.registry import load_model
from inference.models.audio_tower import AudioConfig
from inference.models.fusion import Fusion
from inference.models.vision_tower import VisionConfig
from inference.stepwise import Stepwise, finish
from inference.types import Audio, Image, Message, Part, Text

from ..tiny_checkpoints import write_glm4

VISION = VisionConfig(192, 1, 4, 64, patch_size=8, merge_size=2, max_tokens=40)
AUDIO = AudioConfig(20, 64, 1, 4, 64, stack_size=8)
PICTURE = Image(np.arange(48 * 32 * 3, dtype=np.uint8).reshape(48, 32, 3))  # 3 x 2 rows
RECORDING = Audio(np.sin(np.arange(16_000)).astype(np.float32))  # 4 rows


@pytest.fixture(scope="module")
def text_model(tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    directory = tmp_path_factory.mktemp("checkpoint")
    write_glm4(directory)
    return load_model(str(directory), "cpu", "none")


@pytest.fixture(scope="module")
def model(text_model: LoadedModel) -> LoadedModel:
    torch.manual_seed(0)
    fusion = Fusion(text_model.config.hidden_size, VISION, AUDIO).eval()
    names = {"image": "<|image|>", "audio": "<|audio|>"}
    tokens = {kind: text_model.tokenizer.encode_template(name)[0] for kind, name in names.items()}
    return replace(text_model, media_encoder=fusion, placeholders=tokens)


def user(*parts: Part) -> tuple[Message, ...]:
    return (Message("user", parts),)


def test_a_text_prompt_is_the_templates_and_the_persons_tokens(text_model: LoadedModel) -> None:
    prompt = text_model.encode_prompt(user(Text("hi")), True, "chat")
    expected = text_model.tokenizer.encode_template("<|user|>hi<|assistant|>")
    assert prompt.token_ids == tuple(expected)
    assert prompt.media == ()


@pytest.mark.parametrize("text", ["hello there " * 20_000, "a" * 240_000], ids=["words", "one word"])
def test_a_text_of_many_times_the_context_is_refused_by_an_estimate(
    text_model: LoadedModel, text: str
) -> None:
    counted: list[str] = []

    class Counting:
        def encode_text(self, text: str) -> list[int]:
            counted.append(text)
            return text_model.tokenizer.encode_text(text)

    def admit(prompt_tokens: int) -> None:
        raise PromptTooLong(prompt_tokens, 1, text_model.context_length)

    model = replace(text_model, tokenizer=Counting())  # type: ignore[arg-type]
    with pytest.raises(PromptTooLong) as refusal:
        finish(model.encode_stepwise(user(Text(text)), False, "chat", admit))
    exact = len(text_model.encode_prompt(user(Text(text)), False, "chat").token_ids)
    assert refusal.value.prompt_tokens == pytest.approx(exact, rel=0.02)
    assert sum(map(len, counted)) < len(text) / 3


def test_without_thinking_the_template_writes_closed_tags(text_model: LoadedModel) -> None:
    prompt = text_model.encode_prompt(user(Text("hi")), False, "chat")
    expected = text_model.tokenizer.encode_template("<|user|>hi<|assistant|><think></think>")
    assert prompt.token_ids == tuple(expected)


@pytest.mark.parametrize("text", ["hi", "<think>", "<|assistant|><think>\n"])
def test_the_generation_prompt_is_the_templates_text_not_a_persons(
    text_model: LoadedModel, text: str
) -> None:
    assert text_model.encode_prompt(user(Text(text)), True, "chat").generation_prompt == "<|assistant|>"
    opened = replace(text_model, chat_template=ChatTemplate("{{ messages[0].content }}", {}))
    assert opened.encode_prompt(user(Text(text)), True, "chat").generation_prompt == ""


def test_media_are_in_the_order_of_the_parts(model: LoadedModel) -> None:
    prompt = model.encode_prompt(user(Text("ab"), PICTURE, RECORDING, Text("c"), PICTURE), True, "chat")
    kinds = [model.placeholders["image"], model.placeholders["audio"], model.placeholders["image"]]
    assert [(span.start, span.length) for span in prompt.media] == [(3, 6), (9, 4), (14, 6)]
    for span, placeholder in zip(prompt.media, kinds, strict=True):
        assert prompt.token_ids[span.start : span.start + span.length] == (placeholder,) * span.length
        assert span.features.shape == (span.length, model.config.hidden_size)
    assert torch.equal(prompt.media[0].features, prompt.media[2].features)
    assert prompt.media[0].content_hash == prompt.media[2].content_hash != prompt.media[1].content_hash


def test_a_person_who_writes_a_placeholder_places_nothing(model: LoadedModel) -> None:
    prompt = model.encode_prompt(user(Text("<|image|>"), PICTURE), True, "chat")
    assert prompt.token_ids.count(model.placeholders["image"]) == 6
    assert prompt.media[0].start == 1 + len("<|image|>")


@pytest.mark.parametrize(("part", "modality"), [(PICTURE, "image"), (RECORDING, "audio")])
def test_a_modality_without_a_tower_is_refused(text_model: LoadedModel, part: Part, modality: str) -> None:
    assert text_model.modalities == {"text"}
    with pytest.raises(UnsupportedModality) as caught:
        text_model.encode_prompt(user(part), False, "chat")
    assert caught.value.modality == modality


def test_a_prompt_that_does_not_fit_is_refused_before_any_tower_runs(
    model: LoadedModel, make_request, run_all
) -> None:
    """It must fit the cache, which may be smaller than the model's context, together with the response."""
    guarded = replace(model, media_encoder=_Unusable(8, VISION, None))
    engine = Engine(guarded, torch.device("cpu"), EngineConfig(kv_cache_tokens=64))
    (error,) = run_all(engine, [make_request(messages=user(Text("a"), PICTURE), max_tokens=60)])[0]
    assert isinstance(error, PromptTooLong)
    assert error.context_length == 64


def test_a_transcription_prompt_contains_the_recording_alone(model: LoadedModel) -> None:
    asked = user(Text("please"), RECORDING)
    expected = model.encode_prompt(user(RECORDING, Text(TRANSCRIBE)), False, "chat")
    assert model.encode_prompt(asked, False, "transcribe").token_ids == expected.token_ids


@pytest.mark.parametrize("template", ["", "<|audio|>", "<|image|><|image|>"])
def test_a_template_that_does_not_place_media_fails_the_request(model: LoadedModel, template: str) -> None:
    careless = replace(model, chat_template=ChatTemplate(template, {}))
    with pytest.raises(GenerationFailed):
        careless.encode_prompt(user(Text("a"), PICTURE), False, "chat")


def test_different_media_have_different_hashes() -> None:
    pixels = np.zeros((2, 4, 3), dtype=np.uint8)
    samples = np.zeros(8, dtype=np.float32)
    media = [
        Image(pixels),
        Image(pixels.reshape(4, 2, 3)),
        Image(pixels + 1),
        Audio(samples),
        Audio(samples[:-1]),
        Audio(samples + 1),
    ]
    assert len({hash_media(each) for each in media}) == len(media)
    assert hash_media(Image(pixels)) == hash_media(Image(pixels.copy()))


class _Unusable(Fusion):
    def encode_stepwise(self, media: Image | Audio) -> Stepwise[torch.Tensor]:
        raise AssertionError("a tower worked")


def test_created_is_when_the_checkpoint_was_written(tmp_path: Path) -> None:
    write_glm4(tmp_path)
    model = load_model(str(tmp_path), "cpu", "none")
    assert model.created == int((tmp_path / "config.json").stat().st_mtime)
    assert model.name == tmp_path.name
    assert model.eos_token_ids == {256}
