"""How many threads compute for one request, and that its response does not depend on it."""

from collections.abc import Iterator
from contextlib import suppress

import numpy as np
import pytest
import torch

from inference.config import EMBEDDED_MODEL
from inference.devices import count_cores
from inference.engine.model_runner import ModelRunner
from inference.engine.scheduler import Chunk
from inference.engine.sequence import Sequence
from inference.engine.spare_cores import MANY_TOKENS, SpareCores
from inference.engine.text_stream import TextStream
from inference.kernels.cpu.compiler import is_supported
from inference.loading.registry import load_model
from inference.models.prompt import EncodedPrompt
from inference.stepwise import finish
from inference.types import GenerationRequest, Image, Message, Text

from ..fake_model import FakeModel

CORES = 3


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_cores_are_lent_to_a_request_that_is_alone_and_given_back() -> None:
    cores = SpareCores(torch.device("cpu"), CORES)
    with cores.lent(is_alone=False):
        assert torch.get_num_threads() == 1
    with suppress(ZeroDivisionError), cores.lent(is_alone=True):
        assert torch.get_num_threads() == (CORES if is_supported() else 1)
        raise ZeroDivisionError
    assert torch.get_num_threads() == 1


@pytest.mark.parametrize("others", [0, 1])
def test_a_picture_and_a_long_prompt_use_all_cores_only_while_nobody_else_is_served(
    make_engine, make_request, others: int
) -> None:
    model = FakeModel()
    steps: list[tuple[int, int]] = []  # rows and threads
    model.decoder.before_forward = lambda rows, batch: steps.append((len(rows), torch.get_num_threads()))
    towers: list[int] = []
    model.tower_pieces = (1.0, 1.0)
    model.before_tower = lambda: towers.append(torch.get_num_threads())
    engine = make_engine(model)
    for key in range(others):
        engine.add(key, make_request("hi", max_tokens=400))
        engine.step()
    picture = Image(np.ones((2, 2, 3), dtype=np.uint8))
    messages = (Message("user", (picture, Text("a" * MANY_TOKENS))),)
    engine.add(9, make_request(messages=messages, max_tokens=4))
    while engine.has_work:
        engine.step()

    most = 1 if others or not is_supported() else count_cores()
    assert towers == [most]
    assert {threads for rows, threads in steps if rows >= MANY_TOKENS} == {most}
    assert {threads for rows, threads in steps if rows < MANY_TOKENS} == {1}


@pytest.mark.skipif(not is_supported(), reason="needs the compiled kernels")
def test_pictures_and_prompts_have_the_same_numbers_on_any_number_of_threads() -> None:
    """To the last bit, so that a response does not depend on who else is served."""
    model = load_model(str(EMBEDDED_MODEL), "cpu", "int8")
    chance = np.random.default_rng(0)
    sizes = [(31, 400), (701, 599)]
    pictures = [Image(chance.integers(0, 256, (*size, 3), dtype=np.uint8)) for size in sizes]
    assert model.media_encoder is not None
    runner = ModelRunner(model.decoder, torch.device("cpu"), num_blocks=64, block_size=16)
    prompt = EncodedPrompt(tuple(chance.integers(0, 4000, 300).tolist()))
    stream = TextStream(lambda token_id: b"", (), is_reasoning=False)
    sequence = Sequence(0, GenerationRequest("", ()), prompt, stream, block_size=16)
    sequence.append_blocks(list(range(19)))
    found = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        with torch.inference_mode():
            features = [finish(model.media_encoder.encode_stepwise(picture)) for picture in pictures]
        runner.run([Chunk(sequence, 0, 300)])
        found.append([*features, torch.stack([*runner._kv_caches])])
    assert all(torch.equal(one, other) for one, other in zip(*found, strict=True))
