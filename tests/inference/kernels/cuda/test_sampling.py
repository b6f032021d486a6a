"""Draws on the device against `cpu_sampler`, number for number."""

import numpy as np
import pytest
import torch

from inference.engine.cpu_sampler import draw_token
from inference.engine.sampler import forbid, penalise
from inference.kernels.cuda.sampling import count_pieces, draw
from inference.kernels.cuda.step_rows import SamplingRows, SamplingTables
from inference.models.cuda.graphs import run

from ...conftest import require_cuda

pytestmark = pytest.mark.cuda

ROWS = 64
VOCABULARIES = (151_552, 4096, 264)
SAMPLINGS = {
    "plain": {"temperature": 0.8},
    "top_k": {"temperature": 1.0, "top_k": 40},
    "top_p": {"temperature": 1.0, "top_p": 0.85},
    "both": {"temperature": 1.4, "top_k": 200, "top_p": 0.7},
    "more than there are": {"temperature": 1.0, "top_k": 10**6},
    "one": {"temperature": 1.0, "top_k": 1},
}


@pytest.fixture(autouse=True)
def _device() -> None:
    require_cuda(1)


class Rows:
    """The sampling parameters, and the buffers."""

    def __init__(self, vocab_size: int) -> None:
        def column(value: float, dtype: torch.dtype = torch.float32) -> torch.Tensor:
            return torch.full((ROWS,), value, dtype=dtype, device="cuda")

        self.sampling = SamplingRows(
            uniforms=torch.rand(ROWS, device="cuda"),
            temperatures=column(0.0),
            top_p=column(1.0),
            top_k=column(0, torch.int32),
            penalties=column(0.0),
            presences=column(0.0),
            counters=column(-1, torch.int32),
            biases=column(-1, torch.int32),
            bias_counts=column(0, torch.int32),
            masks=column(-1, torch.int32),
            kept=column(-1, torch.int32),
        )
        self.tables = SamplingTables(
            bias_ids=torch.zeros(ROWS, 32, dtype=torch.int32, device="cuda"),
            bias_values=torch.zeros(ROWS, 32, device="cuda"),
            masks=torch.zeros(ROWS, -(-vocab_size // 32), dtype=torch.int32, device="cuda"),
            kept=torch.zeros(ROWS, vocab_size, device="cuda"),
        )
        self.counts = torch.zeros(ROWS, vocab_size, dtype=torch.int32, device="cuda")
        self.vocab_size = vocab_size

    def draw(self, logits: torch.Tensor) -> list[int]:
        tokens = torch.full((ROWS,), -7, dtype=torch.int32, device="cuda")
        best = torch.empty(ROWS * count_pieces(self.vocab_size), device="cuda")
        launches = draw(
            logits.clone(),
            self.sampling,
            self.tables,
            self.counts,
            tokens,
            best=best,
            best_at=torch.empty_like(best, dtype=torch.int32),
            rows=len(logits),
        )
        run(launches)
        return tokens[: len(logits)].tolist()


@pytest.mark.parametrize("vocab_size", VOCABULARIES)
def test_greedy_takes_the_first_of_the_likeliest(vocab_size: int) -> None:
    logits = torch.randn(ROWS, vocab_size, device="cuda")
    logits[0, 7], logits[0, vocab_size - 1] = 100, 100
    logits[1, vocab_size - 1] = 101
    assert Rows(vocab_size).draw(logits) == logits.argmax(-1).tolist()


@pytest.mark.parametrize("sampling", SAMPLINGS.values(), ids=SAMPLINGS)
@pytest.mark.parametrize("vocab_size", VOCABULARIES)
def test_a_random_number_draws_the_same_token_as_on_the_cpu(
    vocab_size: int, sampling: dict[str, float]
) -> None:
    """Except for random numbers at the boundary of two tokens, where sums are rounded differently."""
    rows = Rows(vocab_size)
    params = {"temperature": 1.0, "top_p": 1.0, "top_k": 0} | sampling
    rows.sampling.temperatures.fill_(params["temperature"])
    rows.sampling.top_p.fill_(params["top_p"])
    rows.sampling.top_k.fill_(int(params["top_k"]))
    logits = 3 * torch.randn(ROWS, vocab_size, device="cuda")
    expected = [
        draw_token(row, uniform, params["temperature"], params["top_p"], int(params["top_k"]))
        for row, uniform in zip(logits.cpu().numpy(), rows.sampling.uniforms.tolist(), strict=True)
    ]
    found = rows.draw(logits)
    assert sum(a == b for a, b in zip(found, expected, strict=True)) >= ROWS - 2


def test_a_penalty_counts_drawn_tokens() -> None:
    rows = Rows(4096)
    rows.sampling.penalties[:2] = torch.tensor([0.5, 2.0], device="cuda")
    rows.sampling.counters[:2] = torch.tensor([1, 0], device="cuda")
    logits = torch.zeros(3, 4096, device="cuda")
    logits[:, 5], logits[:, 9] = 1.0, 0.7
    drawn = [rows.draw(logits) for _ in range(4)]
    assert [row[0] for row in drawn] == [5, 9, 5, 9]  # 1, 0.7; then 0.5, 0.7; then 0.5, 0.2; then 0, 0.2
    assert [row[1] for row in drawn][:3] == [5, 9, 0]  # 1, 0.7; then -1, 0.7; then -1, -1.3, and 0 of others
    assert [row[2] for row in drawn] == [5] * 4
    assert rows.counts[1, 5] == 2
    assert rows.counts[1, 9] == 2


def words_of(allowed: torch.Tensor) -> torch.Tensor:
    """(vocab,) bool -> (vocab / 32,) int32"""
    bits = np.packbits(allowed.cpu().numpy(), bitorder="little")
    return torch.from_numpy(np.pad(bits, (0, -len(bits) % 4)).view(np.int32).copy())


@pytest.mark.parametrize("vocab_size", VOCABULARIES)
def test_biases_penalties_and_masks_are_those_of_the_plain_sampler(vocab_size: int) -> None:
    """Each row has another mixture of them; half of them are drawn at random."""
    rows = Rows(vocab_size)
    logits = 3 * torch.randn(ROWS, vocab_size, device="cuda")
    expected = logits.clone()
    sampling, tables = rows.sampling, rows.tables
    for row in range(ROWS):
        if row % 2:
            ids = torch.randperm(vocab_size)[:32].int()
            values = 4 * torch.randn(32)
            sampling.biases[row], sampling.bias_counts[row] = ROWS - 1 - row, 20
            tables.bias_ids[ROWS - 1 - row], tables.bias_values[ROWS - 1 - row] = ids.cuda(), values.cuda()
            expected[row].index_add_(0, ids[:20].cuda(), values[:20].cuda())
        if row % 3:
            sampling.counters[row], sampling.penalties[row], sampling.presences[row] = row, 0.5, 1.5
            rows.counts[row] = torch.randint(0, 4, (vocab_size,), device="cuda")
            penalise(expected[row], rows.counts[row].float(), 0.5, 1.5)
        if row % 5:
            allowed = torch.rand(vocab_size) < 0.1
            sampling.masks[row] = (row * 7) % ROWS
            tables.masks[(row * 7) % ROWS] = words_of(allowed).cuda()
            forbid(expected[row], words_of(allowed).numpy())
        if row % 7 == 0:
            sampling.kept[row] = row // 7
    sampling.temperatures[ROWS // 2 :] = 1.0
    uniforms = sampling.uniforms.tolist()
    chosen = [
        int(row.argmax()) if index < ROWS // 2 else draw_token(row, uniforms[index], 1.0, 1.0, 0)
        for index, row in enumerate(expected.cpu().numpy())
    ]
    found = rows.draw(logits)
    assert sum(a == b for a, b in zip(found, chosen, strict=True)) >= ROWS - 2
    assert found[: ROWS // 2] == chosen[: ROWS // 2]
    assert torch.equal(tables.kept[: -(-ROWS // 7)], logits[::7])


def test_a_mask_without_a_token_is_reported() -> None:
    rows = Rows(4096)
    rows.sampling.masks[1] = 0
    assert rows.draw(torch.randn(3, 4096, device="cuda"))[1] == -1


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
def test_a_row_that_is_not_finite_is_reported(value: float) -> None:
    logits = torch.randn(3, 4096, device="cuda")
    logits[1] = value
    rows = Rows(4096)
    rows.sampling.temperatures[:] = torch.tensor([0.0, 1.0, 0.0] + [0.0] * (ROWS - 3), device="cuda")
    assert [token == -1 for token in rows.draw(logits)] == [False, True, False]
    logits[1] = 0
    logits[1, 100] = value
    assert (rows.draw(logits)[1] == -1) == (value != -torch.inf)
