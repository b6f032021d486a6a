"""Glm4vForConditionalGeneration, with pictures of several sizes, against transformers."""

import gc
import logging
import weakref
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from inference.backends.in_process import InProcessBackend
from inference.config import EngineConfig
from inference.loading.loaded_model import LoadedModel
from inference.loading.registry import load_model
from inference.modalities.glm4v_image import Glm4vImageConfig, fit_size, glm4v_patches
from inference.models.glm4v_vision import Glm4vVision
from inference.models.prompt import EncodedPrompt
from inference.types import GenerationRequest, Image, Message, SamplingParams, Text

from ..tiny_checkpoints import (
    Driver,
    Glm4vForConditionalGeneration,
    Glm4vImageProcessorPil,
    edit_json,
    write_glm4v,
)

pytestmark = pytest.mark.slow

CONFIG = Glm4vImageConfig()
SIZES = ((112, 140), (200, 90), (30, 30), (28, 280))  # height, width
PROMPTS = 50
NEW_TOKENS = 6


@pytest.fixture(scope="module")
def checkpoint(
    tmp_path_factory: pytest.TempPathFactory, device: str
) -> tuple[Glm4vForConditionalGeneration, LoadedModel]:
    """The reference, on the CPU, and our model."""
    directory = tmp_path_factory.mktemp("checkpoint")
    return write_glm4v(directory), load_model(str(directory), device, "none")


def picture(height: int, width: int, seed: int = 0) -> Image:
    return Image(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8))


def message(number: int) -> tuple[Message, ...]:
    """Between none and three pictures of different sizes, with text around them."""
    images = [picture(*SIZES[(number + index) % len(SIZES)], seed=number) for index in range(number % 4)]
    parts = [part for image in images for part in (image, Text(f"p{number}"))]
    return (Message("user", (Text("look" * (number % 3)), *parts, Text("?"))),)


def reference_inputs(
    messages: tuple[Message, ...], prompt: EncodedPrompt, device: torch.device
) -> dict[str, Tensor]:
    """`device` resizes the pictures: with and without floats, a level may differ by one."""
    images = [part for part in messages[0].parts if isinstance(part, Image)]
    inputs = {"input_ids": torch.tensor([prompt.token_ids])}
    inputs["attention_mask"] = torch.ones_like(inputs["input_ids"])
    types = torch.zeros_like(inputs["input_ids"], dtype=torch.int32)
    for span in prompt.media:
        types[0, span.start : span.start + span.length] = 1
    inputs["mm_token_type_ids"] = types
    if images:
        sizes = [fit_size(*image.pixels.shape[:2], CONFIG) for image in images]
        patches = [
            glm4v_patches(image.pixels, *size, CONFIG, device).cpu()
            for image, size in zip(images, sizes, strict=True)
        ]
        inputs["pixel_values"] = torch.cat(patches)
        inputs["image_grid_thw"] = torch.tensor([[1, height // 14, width // 14] for height, width in sizes])
    return inputs


@torch.inference_mode()
def greedy(model: LoadedModel, prompt: EncodedPrompt, chunk: int) -> list[int]:
    device = model.decoder.frequencies.device
    rows = model.decoder.embed(torch.tensor(prompt.token_ids, device=device))
    for span in prompt.media:
        rows[span.start : span.start + span.length] = span.features
    driver = Driver(model.decoder)
    produced: list[int] = []
    position = prompt.next_position
    positions = prompt.positions
    if positions is None:
        positions = torch.arange(len(rows)).expand(3, -1)
    for start in range(0, len(rows), chunk):
        end = min(start + chunk, len(rows))
        batch = driver.batch([(0, start, end)], positions[:, start:end])
        hidden = model.decoder(rows[start:end], batch, driver.kv_caches)
    for _ in range(NEW_TOKENS):
        produced.append(int(model.decoder.logits(hidden[-1:]).argmax()))
        place = len(rows) + len(produced) - 1
        batch = driver.batch([(0, place, place + 1)], torch.full((3, 1), position))
        row = model.decoder.embed(torch.tensor(produced[-1:], device=device))
        hidden = model.decoder(row, batch, driver.kv_caches)
        position += 1
    return produced


def test_greedy_tokens_equal_those_of_generate_on_fifty_prompts(
    checkpoint: tuple[Glm4vForConditionalGeneration, LoadedModel],
) -> None:
    reference, model = checkpoint
    seen = set()
    for number in range(PROMPTS):
        messages = message(number)
        prompt = model.encode_prompt(messages, True, "chat")
        inputs = reference_inputs(messages, prompt, model.decoder.frequencies.device)
        with torch.inference_mode():
            expected = reference.generate(
                **inputs, max_new_tokens=NEW_TOKENS, do_sample=False, eos_token_id=None
            )
        expected_tokens = expected[0, len(prompt.token_ids) :].tolist()
        assert greedy(model, prompt, chunk=1000) == greedy(model, prompt, chunk=13) == expected_tokens
        seen.add(tuple(expected_tokens))
    assert len(seen) > PROMPTS / 2, "the responses hardly depend on the prompts"


def test_the_tower_pauses_after_each_block_and_equals_its_own_forward(
    checkpoint: tuple[Glm4vForConditionalGeneration, LoadedModel],
) -> None:
    reference, model = checkpoint
    image = picture(112, 140)
    height, width = fit_size(112, 140, CONFIG)
    grid = torch.tensor([[1, height // 14, width // 14]])
    tower = reference.model.visual
    with torch.inference_mode():
        expected = tower(glm4v_patches(image.pixels, height, width, CONFIG), grid_thw=grid).pooler_output
        given_up = model.media_encoder.encode_stepwise(picture(200, 90))
        next(given_up)
        work = model.media_encoder.encode_stepwise(image)
        told = [next(work) for _ in tower.blocks]
        given_up.close()
        with pytest.raises(StopIteration) as end:
            next(work)
    assert all(operations > 0 for operations in told)
    is_elsewhere = end.value.value.device.type != "cpu"  # where sums have another order
    tolerance = {"rtol": 1e-3, "atol": 1e-4} if is_elsewhere else {}
    torch.testing.assert_close(end.value.value.cpu(), expected, **tolerance)


def test_positions_are_those_of_transformers(
    checkpoint: tuple[Glm4vForConditionalGeneration, LoadedModel],
) -> None:
    reference, model = checkpoint
    messages = message(3)
    prompt = model.encode_prompt(messages, True, "chat")
    inputs = reference_inputs(messages, prompt, torch.device("cpu"))
    expected, delta = reference.model.get_rope_index(
        inputs["input_ids"], inputs["mm_token_type_ids"], inputs["image_grid_thw"]
    )
    assert prompt.positions is not None
    assert torch.equal(prompt.positions, expected[:, 0])
    assert prompt.next_position == len(prompt.token_ids) + int(delta)


def test_a_text_alone_needs_no_positions(
    checkpoint: tuple[Glm4vForConditionalGeneration, LoadedModel],
) -> None:
    prompt = checkpoint[1].encode_prompt(message(0), True, "chat")
    assert prompt.positions is None
    assert checkpoint[1].modalities == {"text", "image"}


@pytest.mark.parametrize("size", [*SIZES, (1080, 2400), (3000, 4000), (8, 900)])
def test_patches_are_those_of_the_processor(size: tuple[int, int]) -> None:
    """Within the rounding of Pillow and torch when they resize: two of 255 levels."""
    image = picture(*size)
    smooth = Image(image.pixels // 64 * 16 + 90)
    expected = Glm4vImageProcessorPil()(images=[smooth.pixels], return_tensors="pt")
    height, width = fit_size(*size, CONFIG)
    assert expected["image_grid_thw"].tolist() == [[1, height // 14, width // 14]]
    found = glm4v_patches(smooth.pixels, height, width, CONFIG)
    torch.testing.assert_close(found, expected["pixel_values"].float(), atol=2 / 255 / 0.26, rtol=0)


class WorkerKilled(BaseException):
    """Not an Exception, so that the engine does not catch it."""


def test_the_work_after_resizing_is_done_on_the_towers_device() -> None:
    patches = glm4v_patches(picture(1080, 2400).pixels, 1092, 2408, CONFIG, torch.device("meta"))
    assert (patches.device.type, patches.shape) == ("meta", (1092 * 2408 // 14**2, 3 * 2 * 14**2))


@pytest.mark.anyio
async def test_a_worker_killed_in_the_middle_of_a_picture_frees_everything(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL + 1, "inference")  # a captured record would hold the traceback
    write_glm4v(tmp_path)
    faults = iter([WorkerKilled])
    seen: list[weakref.ref[torch.Tensor]] = []

    def meet_fault(_: object, arguments: tuple[torch.Tensor]) -> None:
        seen.append(weakref.ref(arguments[0]))
        for fault in faults:
            raise fault

    def load(model: str, device: str, quantization: str, quantize_head: bool) -> LoadedModel:
        loaded = load_model(model, device, "none", quantize_head)
        assert isinstance(loaded.media_encoder, Glm4vVision)
        loaded.media_encoder._tower.get_submodule("blocks.1").register_forward_pre_hook(meet_fault)
        return loaded

    config = EngineConfig(model=str(tmp_path), kv_cache_tokens=4096, chunk_tokens=1)
    backend = InProcessBackend(config, load)
    await backend.start()
    request = GenerationRequest("request", message(1), SamplingParams(max_tokens=2))
    deltas = [delta async for delta in backend.generate(request)]
    assert deltas[-1].finish_reason in ("length", "stop")
    (status,) = backend.status().workers
    assert (status.running, status.waiting, status.kv_used) == (0, 0, 0)
    await backend.aclose(0)
    assert len(seen) == 2, "killed once, replayed once"
    gc.collect()
    assert [reference() for reference in seen] == [None, None]


@given(height=st.integers(1, 20_000), width=st.integers(1, 20_000))
def test_every_size_fits(height: int, width: int) -> None:
    fitted = fit_size(height, width, CONFIG)
    assert all(side % CONFIG.cell_size == 0 and side > 0 for side in fitted)
    assert 2 * fitted[0] * fitted[1] <= CONFIG.max_pixels


def test_pixel_limits_come_from_the_checkpoint(tmp_path: Path) -> None:
    write_glm4v(tmp_path)
    (tmp_path / "preprocessor_config.json").write_text("{}")
    screen = picture(1080, 2400)
    wide = load_model(str(tmp_path), "cpu", "none").media_encoder
    edit_json(tmp_path / "preprocessor_config.json", size={"shortest_edge": 12_544, "longest_edge": 500_000})
    narrow = load_model(str(tmp_path), "cpu", "none").media_encoder
    assert wide
    assert narrow
    assert wide.count_tokens(screen) == 39 * 86
    assert narrow.count_tokens(screen) * 2 * 28 * 28 <= 500_000
