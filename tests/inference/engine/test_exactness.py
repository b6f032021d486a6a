"""The engine with the real decoder: the same tokens as transformers, in any batch."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from inference.config import EMBEDDED_MODEL
from inference.engine.detokenizer import make_token_bytes
from inference.engine.language_model import Vocabulary
from inference.engine.reasoning import TAGS
from inference.engine.text_stream import TextStream
from inference.errors import GenerationFailed
from inference.loading.loaded_model import LoadedModel
from inference.loading.registry import load_model
from inference.models.decoder import Decoder
from inference.timeline import Timeline
from inference.types import Audio, Delta, GenerationRequest, Image, Message, Text
from testbed.reference_decoder import TokenModel, to_text

from ..models.test_glm4v import message, reference_inputs
from ..tiny_checkpoints import EOS, random_sequences, write_glm4, write_glm4v

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

NEW_TOKENS = 24


def characters(decoder: Decoder) -> TokenModel:
    """Token ids become Chinese characters, so that texts are compared token by token."""
    return TokenModel(decoder, EOS)


def texts(responses: dict[int, list[Delta]]) -> list[str]:
    return ["".join(delta.text for delta in responses[key]) for key in sorted(responses)]


def preemptions(requests: list[GenerationRequest]) -> int:
    """For requests that have a `Timeline` each."""
    return sum(request.timeline.preemptions for request in requests)


def test_greedy_responses_equal_those_of_generate_on_fifty_prompts(
    tmp_path: Path, make_engine, make_request, run_all, device: str
) -> None:
    reference = write_glm4(tmp_path)
    model = characters(load_model(str(tmp_path), device, "none").decoder)
    prompts = random_sequences(tuple(range(1, 101, 2)), seed=1)
    requests = [make_request(to_text(prompt), max_tokens=NEW_TOKENS) for prompt in prompts]
    ours = texts(run_all(make_engine(model, kv_cache_tokens=2000), requests))
    for prompt, response in zip(prompts, ours, strict=True):
        theirs = reference.generate(
            torch.tensor([prompt]),
            attention_mask=torch.ones(1, len(prompt), dtype=torch.int64),
            max_new_tokens=NEW_TOKENS,
            do_sample=False,
            eos_token_id=EOS,
        )
        assert response == to_text(theirs[0, len(prompt) :].tolist()).removesuffix(to_text([EOS]))


@pytest.fixture(scope="module")
def known() -> dict[tuple[str, str], list[str]]:
    """Responses of a model on a device to requests that run alone: the same for all batches."""
    return {}


CONFIGS = {
    "in one batch": {},
    "in chunks": {"chunk_tokens": 37},
    "preempted": {"kv_cache_tokens": 450, "block_size": 16},
    "in large blocks": {"block_size": 128},
}


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
@pytest.mark.parametrize("quantization", ["none", "int8"])
def test_a_response_is_the_same_in_any_batch(
    tmp_path: Path,
    make_engine,
    make_request,
    run_all,
    config: dict[str, int],
    quantization: str,
    device: str,
    known: dict[tuple[str, str], list[str]],
) -> None:
    """Guaranteed on the CPU; on a CUDA device rounding depends on the batch, too little to matter here."""
    write_glm4(tmp_path)
    decoder = load_model(str(tmp_path), device, quantization).decoder
    samplings = [{}, {"temperature": 0.9}, {"temperature": 1.1, "top_p": 0.8}, {"frequency_penalty": 0.7}]
    requests = [
        make_request(to_text(prompt), max_tokens=40, seed=index, timeline=Timeline(), **samplings[index % 4])
        for index, prompt in enumerate(random_sequences((3, 20, 65, 130, 48, 31, 200, 7)))
    ]
    if (quantization, device) not in known:
        known[quantization, device] = [
            texts(run_all(make_engine(characters(decoder)), [request]))[0] for request in requests
        ]
    alone = known[quantization, device]
    engine = make_engine(characters(decoder), **({"kv_cache_tokens": 8192} | config))
    assert texts(run_all(engine, requests)) == alone
    assert (preemptions(requests) > 0) == ("kv_cache_tokens" in config)
    assert texts(run_all(engine, requests)) == alone, "with all prefixes cached"
    assert engine.blocks_used == 0


def random_request(make_request: Callable[..., GenerationRequest], seed: int) -> GenerationRequest:
    chance = np.random.default_rng(seed)
    pixels = chance.integers(0, 256, (120 + 40 * seed, 160, 3), dtype=np.uint8)
    samples = chance.normal(0, 0.1, 16_000 * (1 + seed)).astype(np.float32)
    messages = (
        Message("user", (Image(pixels), Text("看图，listen: "), Audio(samples), Text("what is it?"))),
    )
    hot = 6.0  # all tokens are about equally likely, so no response ends early
    return make_request(messages=messages, seed=seed, temperature=hot, max_tokens=40, timeline=Timeline())


@pytest.mark.parametrize(
    "config",
    [{"chunk_tokens": 512}, {"chunk_tokens": 19}, {"kv_cache_tokens": 256}],
    ids=["whole", "chunks", "preempted"],
)
def test_responses_about_media_are_the_same_in_any_batch(
    make_engine,
    make_request,
    run_all,
    config: dict[str, int],
    device: str,
    known: dict[tuple[str, str], list[str]],
) -> None:
    if device != "cpu":
        pytest.skip("it computes in 16 bits there, where rounding shows in the tokens")
    model = load_model(str(EMBEDDED_MODEL), device, "none")
    defaults = {"block_size": 16, "kv_cache_tokens": 8192}
    requests = [random_request(make_request, seed) for seed in range(4)]
    if ("embedded", device) not in known:
        known["embedded", device] = [
            texts(run_all(make_engine(model, **defaults), [request]))[0] for request in requests
        ]
    alone = known["embedded", device]
    assert len(set(alone)) == len(alone)
    engine = make_engine(model, **(defaults | config))
    assert texts(run_all(engine, requests)) == alone
    assert (preemptions(requests) > 0) == ("kv_cache_tokens" in config)
    assert texts(run_all(engine, requests)) == alone, "with all prefixes cached"


def test_cache_content_of_a_failed_request_reaches_no_other_request(
    tmp_path: Path, make_engine, make_request, run_all, device: str
) -> None:
    write_glm4(tmp_path)
    decoder = load_model(str(tmp_path), device, "none").decoder
    poison, prompt = random_sequences((40, 21), seed=2)
    with torch.inference_mode():
        decoder.embed_tokens.weight[poison[3]] = float("nan")
    fine = make_request(to_text([token for token in prompt if token != poison[3]]), max_tokens=12)
    expected = texts(run_all(make_engine(characters(decoder)), [fine]))
    engine = make_engine(characters(decoder), kv_cache_tokens=64, block_size=16)
    assert isinstance(run_all(engine, [make_request(to_text(poison), max_tokens=8)])[0][-1], GenerationFailed)
    assert texts(run_all(engine, [fine])) == expected


def test_a_prefix_that_was_computed_wrong_is_computed_again(
    tmp_path: Path, make_engine, make_request, run_all, device: str
) -> None:
    write_glm4(tmp_path)
    decoder = load_model(str(tmp_path), device, "none").decoder
    faults = iter([True])

    def spoil_once(_: object, arguments: tuple[torch.Tensor, ...]) -> None:
        if next(faults, False):
            arguments[0][5] = float("nan")

    decoder.register_forward_pre_hook(spoil_once)
    request = make_request(to_text(random_sequences((150,))[0]), max_tokens=4)
    engine = make_engine(characters(decoder), block_size=16, chunk_tokens=64)
    assert isinstance(run_all(engine, [request])[0][-1], GenerationFailed)
    assert run_all(engine, [request])[0][-1].finish_reason is not None
    timeline = Timeline()
    assert run_all(engine, [replace(request, timeline=timeline)])[0][-1].finish_reason is not None
    assert timeline.cached_tokens == 144, "correct blocks are reused"


def shown(tokens: list[int], tokenizer: Vocabulary) -> str:
    """The text of a response of these tokens; the detokenizer has tests of its own."""
    stream = TextStream(make_token_bytes(tokenizer, shown=frozenset(TAGS)), (), is_reasoning=False)
    texts_of_tokens = [stream.push(token)[0] for token in tokens if token != EOS]
    return "".join(texts_of_tokens) + stream.flush(is_cut_off=EOS not in tokens)[0]


@pytest.fixture(scope="module")
def glm4v(tmp_path_factory: pytest.TempPathFactory, device: str) -> tuple[LoadedModel, list[str]]:
    """Our model, and transformers' responses to `message` of 0, 1, 2, ..."""
    directory = tmp_path_factory.mktemp("glm4v")
    reference = write_glm4v(directory)
    model = load_model(str(directory), device, "none")
    expected = []
    for number in range(50):
        prompt = model.encode_prompt(message(number), True, "chat")
        inputs = reference_inputs(message(number), prompt, model.decoder.frequencies.device)
        with torch.inference_mode():
            tokens = reference.generate(**inputs, max_new_tokens=NEW_TOKENS, do_sample=False)
        expected.append(shown(tokens[0, len(prompt.token_ids) :].tolist(), model.tokenizer))
    return model, expected


@pytest.mark.parametrize(
    "config",
    [{}, {"chunk_tokens": 19}, {"kv_cache_tokens": 192, "block_size": 4}],
    ids=["whole", "chunks", "preempted"],
)
def test_glm4v_equals_generate_with_pictures_in_any_batch(
    glm4v: tuple[LoadedModel, list[str]], make_engine, make_request, run_all, config: dict[str, int]
) -> None:
    """Positions have three axes here, and continue after a picture from its longer side."""
    model, expected = glm4v
    requests = [
        make_request(
            messages=message(number), max_tokens=NEW_TOKENS, enable_thinking=True, timeline=Timeline()
        )
        for number in range(len(expected))
    ]
    engine = make_engine(model, **({"block_size": 16, "kv_cache_tokens": 4096} | config))
    assert texts(run_all(engine, requests)) == expected
    assert (preemptions(requests) > 0) == ("kv_cache_tokens" in config)
    assert len(set(expected)) > len(expected) / 2, "the responses hardly depend on the prompts"
    assert texts(run_all(engine, requests)) == expected, "with all prefixes cached"
