"""Tokens are drawn with their probabilities, on the CPU and on a device alike, in any batch."""

from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from inference.engine.cpu_sampler import CANDIDATES, draw_token, lightest_kept
from inference.engine.sampler import NOT_FINITE, count_token, sample, sample_on_device
from inference.engine.sequence import Sequence
from inference.engine.text_stream import TextStream
from inference.models.prompt import EncodedPrompt
from inference.types import GenerationRequest, SamplingParams

VOCAB_SIZE = 50
DRAWS = 4000


@pytest.fixture(params=["memory", "device"])
def draw(request: pytest.FixtureRequest):
    """`sample` on the CPU, and on the path for a CUDA device."""
    return sample if request.param == "memory" else sample_on_device


def make_sequence(**sampling: object) -> Sequence:
    request = GenerationRequest("", (), SamplingParams(**({"temperature": 0.0, "max_tokens": 9} | sampling)))
    stream = TextStream(lambda token_id: b"", (), is_reasoning=False)
    return Sequence(0, request, EncodedPrompt((1,)), stream, block_size=4)


def make_logits(rows: int, seed: int = 0, vocab_size: int = VOCAB_SIZE) -> torch.Tensor:
    return torch.randn(rows, vocab_size, generator=torch.Generator().manual_seed(seed)) * 2


def shares(draw, logits: torch.Tensor, **sampling: object) -> np.ndarray:
    """How often each token is drawn from one row."""
    sequences = [make_sequence(seed=seed, **sampling) for seed in range(DRAWS)]
    counts = Counter(draw(logits.expand(DRAWS, -1).clone(), sequences))
    return np.array([counts[token] for token in range(logits.shape[-1])]) / DRAWS


def test_greedy_takes_the_likeliest(draw) -> None:
    logits = make_logits(3)
    assert draw(logits, [make_sequence() for _ in range(3)]) == logits.argmax(dim=-1).tolist()


def test_tokens_are_drawn_as_often_as_they_should(draw) -> None:
    logits = make_logits(1)
    expected = (logits[0] / 0.7).softmax(dim=-1).numpy()
    assert shares(draw, logits, temperature=0.7) == pytest.approx(expected, abs=0.03)


def test_top_k_draws_among_the_likeliest_only(draw) -> None:
    logits = make_logits(1)
    kept = set(logits[0].topk(3).indices.tolist())
    assert set(shares(draw, logits, temperature=1.0, top_k=3).nonzero()[0]) == kept


def test_top_p_draws_among_the_smallest_set_that_reaches_it(draw) -> None:
    logits = torch.tensor([[0.5, 0.3, 0.15, 0.05]]).log()
    assert shares(draw, logits, temperature=1.0, top_p=0.79) == pytest.approx([5 / 8, 3 / 8, 0, 0], abs=0.03)
    assert shares(draw, logits, temperature=1.0, top_p=0.81).nonzero()[0].tolist() == [0, 1, 2]


def test_top_p_counts_within_top_k(draw) -> None:
    logits = torch.tensor([[0.4, 0.3, 0.2, 0.1]]).log()
    drawn = shares(draw, logits, temperature=1.0, top_k=2, top_p=0.5)
    assert drawn.nonzero()[0].tolist() == [0]


def test_the_likeliest_is_always_kept(draw) -> None:
    assert shares(draw, make_logits(1), temperature=1.0, top_p=1e-6).max() == 1


def test_both_samplers_draw_the_same_tokens() -> None:
    samplings = [
        {},
        {"temperature": 0.9},
        {"temperature": 1.2, "top_p": 0.9},
        {"temperature": 0.8, "top_k": 10, "top_p": 0.7},
    ]
    sequences = [make_sequence(seed=seed, **samplings[seed % 4]) for seed in range(200)]
    logits = make_logits(200)
    assert sample(logits.clone(), sequences) == sample_on_device(logits.clone(), sequences)


@pytest.mark.parametrize("sampling", [{}, {"top_p": 0.9}, {"top_k": 5}], ids=["plain", "top_p", "top_k"])
def test_a_row_is_drawn_the_same_alone_and_in_a_batch(draw, sampling: dict[str, float]) -> None:
    sequences = [make_sequence(seed=seed, temperature=1.0, **sampling) for seed in range(7)]
    sequences[2:4] = [make_sequence(), make_sequence(temperature=2.0, top_p=0.5, top_k=3)]
    logits = make_logits(7)
    together = draw(logits.clone(), sequences)
    for index in (0, 1, 4, 5, 6):
        assert draw(logits[index : index + 1].clone(), sequences[index : index + 1]) == [together[index]]


def test_the_same_seed_draws_the_same_and_no_seed_does_not(draw) -> None:
    logits = torch.zeros(1, 10_000)
    assert draw(logits, [make_sequence(seed=5, temperature=1.0)]) == draw(
        logits, [make_sequence(seed=5, temperature=1.0)]
    )
    unseeded = {draw(logits, [make_sequence(temperature=1.0)])[0] for _ in range(20)}
    assert len(unseeded) > 10


def test_each_token_of_a_response_has_its_own_random_number() -> None:
    sequence = make_sequence(seed=1)
    first = sequence.draw_uniform()
    assert sequence.draw_uniform() == first
    sequence.token_ids.append(0)
    assert sequence.draw_uniform() != first


def test_a_frequency_penalty_grows_with_every_use() -> None:
    sequence = make_sequence(frequency_penalty=0.5)
    logits = torch.tensor([[1.0, 0.3, 0.0]])
    drawn = []
    for _ in range(6):
        (token,) = sample(logits.clone(), [sequence])
        drawn.append(token)
        count_token(sequence, token, 3, torch.device("cpu"))
    assert drawn == [0, 0, 1, 0, 2, 1]


def test_a_negative_frequency_penalty_favours_generated_tokens() -> None:
    sequence = make_sequence(frequency_penalty=-0.5)
    count_token(sequence, 1, 3, torch.device("cpu"))
    assert sample(torch.tensor([[0.4, 0.0, 0.0]]), [sequence]) == [1]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_logits_that_are_not_finite_are_reported(draw, value: float, temperature: float) -> None:
    logits = make_logits(3)
    logits[1, 7] = value
    tokens = draw(logits, [make_sequence(temperature=temperature) for _ in range(3)])
    assert [token == NOT_FINITE for token in tokens] == [False, True, False]


def test_forbidden_tokens_are_never_drawn(draw) -> None:
    logits = torch.full((1, 8), float("-inf"))
    logits[0, 3] = 0.0
    assert shares(draw, logits, temperature=1.0)[3] == 1


@pytest.mark.parametrize("top_p", [0.1, 0.5, 0.9, 0.999])
@pytest.mark.parametrize("spread", [0.01, 1.0, 5.0], ids=["flat", "plain", "peaked"])
def test_top_p_can_keep_many_tokens(spread: float, top_p: float) -> None:
    logits = np.random.default_rng(0).normal(0, spread, 4 * CANDIDATES)
    weights = np.exp(logits).astype(np.float32)
    kept = weights >= lightest_kept(weights, top_p, 0)
    total = weights.sum(dtype=np.float64)
    assert weights[kept].sum(dtype=np.float64) >= top_p * total
    assert weights[kept].sum(dtype=np.float64) - weights[kept].min() < top_p * total


def test_equally_likely_tokens_are_kept_together(draw) -> None:
    drawn = shares(draw, torch.zeros(1, 4), temperature=1.0, top_p=0.3)
    assert drawn == pytest.approx([0.25] * 4, abs=0.03)


@pytest.mark.parametrize("size", [1, 64, 128, 1000])
def test_the_last_token_can_be_drawn_and_nothing_after_it(size: int) -> None:
    almost_one = 1 - 2.0**-23
    assert draw_token(np.zeros(size, np.float32), almost_one, 1.0, 1.0, 0) == size - 1
    assert draw_token(np.zeros(size, np.float32), almost_one, 1.0, 0.9999, 0) == size - 1


@given(
    st.lists(st.sampled_from([-np.inf, -3.0, 0.0, 0.1, 2.0]), min_size=1, max_size=600),
    st.floats(0, 1, exclude_max=True, width=32),
)
def test_a_draw_inverts_the_distribution_function(values: list[float], uniform: float) -> None:
    logits = np.array([*values, 0.0], dtype=np.float32)
    token = draw_token(logits, uniform, 1.0, 1.0, 0)
    weights = np.exp(logits.astype(np.float64))
    below, total = weights[:token].sum() / weights.sum(), weights[: token + 1].sum() / weights.sum()
    assert weights[token] > 0
    assert below - 1e-6 <= uniform <= total + 1e-6
