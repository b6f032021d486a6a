"""The checkpoint that ships: complete, small, and every part of a request reaches its logits."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from inference.config import EMBEDDED_MODEL
from inference.loading.loaded_model import LoadedModel
from inference.loading.registry import load_model
from inference.models.fusion import Fusion
from inference.models.prompt import EncodedPrompt
from inference.types import Audio, Image, Message, Part, Text
from testbed.unpack import unpack
from training.architecture import build

from .tiny_checkpoints import Driver

TAGS = ("<think>", "</think>", "<answer>", "</answer>")
TEXTS = (
    "Hello, world!  Two  spaces,\ttabs\r\n\nand lines.",
    "你好，世界！请打开微信，点击红色的按钮。",
    "🙂👩‍👩‍👧‍👦🇨🇳 naïve Ünïcödé тест العربية हिन्दी",
    'do(action="Tap", element=[512,33])',
    "\x00\x7f\ufeff\u2028",
)


@pytest.fixture(scope="module")
def model() -> LoadedModel:
    return load_model(str(EMBEDDED_MODEL), "cpu", "none")


def image(seed: int) -> Image:
    return Image(np.random.default_rng(seed).integers(0, 256, (300, 200, 3), dtype=np.uint8))


def audio(seed: int) -> Audio:
    return Audio(np.random.default_rng(seed).standard_normal(16_000).astype(np.float32) * 0.1)


@torch.inference_mode()
def last_logits(model: LoadedModel, *parts: Part) -> Tensor:
    prompt = model.encode_prompt((Message("user", parts),), False, "chat")
    rows = fused_rows(model, prompt)
    driver = Driver(model.decoder)
    batch = driver.batch([(0, 0, len(rows))])
    return model.decoder.logits(model.decoder(rows, batch, driver.kv_caches)[-1:])[0]


def fused_rows(model: LoadedModel, prompt: EncodedPrompt) -> Tensor:
    rows = model.decoder.embed(torch.tensor(prompt.token_ids))
    for span in prompt.media:
        rows[span.start : span.start + span.length] = span.features
    return rows


def test_it_is_a_fusion_model_of_three_modalities(model: LoadedModel) -> None:
    assert model.name == "autoglm-phone-tiny"
    assert model.modalities == {"text", "image", "audio"}
    assert model.context_length == 4096
    fusion = model.media_encoder
    assert isinstance(fusion, Fusion)
    assert fusion.visual_projection
    assert fusion.audio_projection
    assert fusion.visual_projection.weight.shape == (model.config.hidden_size, 768)
    assert fusion.audio_projection.weight.shape == (model.config.hidden_size, 512)


def test_its_weights_are_at_most_twenty_megabytes_and_its_parameters_sixteen_million() -> None:
    assert (EMBEDDED_MODEL / "model.safetensors").stat().st_size <= 20_000_000
    parts = [part for part in build() for part in part.parameters()]
    assert sum({id(part): part.numel() for part in parts}.values()) <= 16_000_000


@pytest.mark.parametrize("text", TEXTS)
def test_every_text_survives_the_tokenizer(model: LoadedModel, text: str) -> None:
    assert model.tokenizer.decode(model.tokenizer.encode_text(text)) == text


def test_tags_are_one_token_each_and_are_shown(model: LoadedModel) -> None:
    token_ids = model.tokenizer.encode_template("".join(TAGS))
    assert len(token_ids) == len(TAGS)
    assert model.tokenizer.decode(token_ids) == "".join(TAGS)


@pytest.mark.parametrize("text", ["请打开微信，点击红色的按钮。", "Please open the settings."])
def test_no_token_is_a_whole_sentence(model: LoadedModel, text: str) -> None:
    longest = max(len(model.tokenizer.decode([each])) for each in model.tokenizer.encode_text(text))
    assert longest <= 12
    assert len(model.tokenizer.encode_text(text)) < len(text)


def test_coordinates_are_spelled_digit_by_digit(model: LoadedModel) -> None:
    assert len(model.tokenizer.encode_text("512")) == 3


def test_its_prompt_names_roles_and_marks_media(model: LoadedModel) -> None:
    messages = (
        Message("system", (Text("Be brief."),)),
        Message("user", (image(0), Text("Look."))),
        Message("assistant", (Text("Yes."),)),
        Message("user", (audio(0), Text("Listen."))),
    )
    prompt = model.encode_prompt(messages, False, "chat")
    media = set(model.placeholders.values())
    text = model.tokenizer.decode([i for i in prompt.token_ids if i not in media], skip_special_tokens=False)
    assert text == (
        "<|system|>\nBe brief.<|user|>\n<|begin_of_image|><|end_of_image|>Look."
        "<|assistant|>\n<think></think><answer>Yes.</answer>"
        "<|user|>\n<|begin_of_audio|><|end_of_audio|>Listen.<|assistant|>\n<think></think>"
    )
    thinking = model.encode_prompt(messages, True, "chat").token_ids
    assert model.tokenizer.decode(list(thinking[-2:]), skip_special_tokens=False) == "<|assistant|>\n"


def test_an_image_reaches_the_logits(model: LoadedModel) -> None:
    original = image(0)
    swapped = Image(np.ascontiguousarray(original.pixels[:, :, ::-1]))
    expected = last_logits(model, original, Text("?"))
    assert torch.equal(expected, last_logits(model, original, Text("?")))
    assert not torch.allclose(expected, last_logits(model, swapped, Text("?")), atol=1e-4)


def test_a_recording_reaches_the_logits(model: LoadedModel) -> None:
    expected = last_logits(model, audio(0), Text("?"))
    assert not torch.allclose(expected, last_logits(model, audio(1), Text("?")), atol=1e-4)


def test_its_int8_is_close_to_floats(model: LoadedModel, tmp_path: Path) -> None:
    unpack(EMBEDDED_MODEL, tmp_path / "floats")
    exact = last_logits(load_model(str(tmp_path / "floats"), "cpu", "none"), image(0), Text("?"))
    error = (exact - last_logits(model, image(0), Text("?"))).square().mean().sqrt() / exact.std()
    assert error < 0.1


def test_its_card_is_there() -> None:
    assert "autoglm-phone-tiny" in Path(EMBEDDED_MODEL, "README.md").read_text("utf-8")


def test_order_of_text_and_media_in_a_message_makes_no_difference(model: LoadedModel) -> None:
    """The model was trained with media before the text."""
    look, hear = Text("What is this?"), Text(" And that?")
    orders: list[tuple[Part, ...]] = [
        (image(1), audio(2), look, hear),
        (look, image(1), hear, audio(2)),
        (look, hear, image(1), audio(2)),
    ]
    prompts = [model.encode_prompt((Message("user", parts),), False, "chat") for parts in orders]
    assert len({prompt.token_ids for prompt in prompts}) == 1
    assert len({tuple(span.start for span in prompt.media) for prompt in prompts}) == 1


def test_long_system_prompts_are_not_shown_to_it(model: LoadedModel) -> None:
    """It was trained with short ones, and writes nonsense after those of phone agents."""
    user = Message("user", (Text("Open WeChat"),))

    def ids(*messages: Message) -> tuple[int, ...]:
        return model.encode_prompt(messages, False, "chat").token_ids

    assert ids(Message("system", (Text("x" * 301),)), user) == ids(user)
    assert ids(Message("system", (Text("x" * 300),)), user) != ids(user)
    assert ids(Message("user", (Text("x" * 301),))) != ids(user)
