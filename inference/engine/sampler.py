"""Draws the next token of each sequence from its row of logits.

Each row is sampled alone, with one random number of its own, so the rest of the batch does not change the
result. `draw`, `drop_unlikely` and `penalise` are the hot operations on a device; on the CPU
`cpu_sampler.py` replaces them.
"""

import math

import numpy as np
import torch
from torch import Tensor

from inference.constraints.token_constraint import Words
from inference.engine import cpu_sampler
from inference.engine.sequence import SampledLogprobs, Sequence

NOT_FINITE = -1


def sample(logits: Tensor, sequences: list[Sequence]) -> list[int]:
    """Returns one token id per row, or NOT_FINITE where the highest logit is not finite.

    Sets `sampled_logprobs` of the sequences that request them: those of the logits as the model computes
    them, before biases, penalties, masks and the temperature, as vLLM reports them. logits: (rows, vocab),
    overwritten where a sequence has any of these.
    """
    if logits.dtype != torch.float32:
        logits = logits.float()
    wanting: list[int] = []
    raw = logits
    if not all(each.takes_likeliest for each in sequences):
        wanting = [row for row, each in enumerate(sequences) if each.sampling_params.logprobs is not None]
        raw = logits[wanting].log_softmax(dim=-1) if wanting else logits
        for row, sequence in enumerate(sequences):
            if _is_adjusted(sequence):
                _adjust(logits[row], sequence)
    tokens = (_sample_in_memory if logits.device.type == "cpu" else sample_on_device)(logits, sequences)
    for index, row in enumerate(wanting):
        if tokens[row] != NOT_FINITE:
            sequence = sequences[row]
            sequence.sampled_logprobs = logprobs_of(
                raw[index], tokens[row], sequence.sampling_params.logprobs
            )
    return tokens


def logprobs_of(logprobs: Tensor, token_id: int, count: int | None) -> SampledLogprobs:
    """logprobs: (vocab,)."""
    top = logprobs.topk(count or 0)
    pairs = zip(top.indices.tolist(), top.values.tolist(), strict=True)
    return SampledLogprobs(logprobs[token_id].item(), list(pairs))


@torch.inference_mode()
def count_token(sequence: Sequence, token_id: int, vocab_size: int, device: torch.device) -> None:
    """Updates the counts that a penalty needs. vocab_size: columns of the logits."""
    if sequence.token_counts is None:
        sequence.token_counts = torch.zeros(vocab_size, device=device)
    sequence.token_counts[token_id] += 1


def penalise(logits: Tensor, token_counts: Tensor, frequency_penalty: float, presence_penalty: float) -> None:
    """In place. logits and token_counts: (vocab,)."""
    if frequency_penalty:
        logits.sub_(token_counts, alpha=frequency_penalty)
    if presence_penalty:
        logits.sub_((token_counts > 0).float(), alpha=presence_penalty)


def forbid(logits: Tensor, words: Words) -> None:
    """Sets the logits of tokens without a bit to -inf, in place. logits: (vocab,)."""
    allowed = np.unpackbits(words.view(np.uint8), count=len(logits), bitorder="little").view(np.bool_)
    logits.masked_fill_(~torch.from_numpy(allowed).to(logits.device), -math.inf)


def _is_adjusted(sequence: Sequence) -> bool:
    has_counts = sequence.token_counts is not None
    return has_counts or sequence.is_masked or bool(sequence.sampling_params.logit_bias)


def _adjust(logits: Tensor, sequence: Sequence) -> None:
    """Adds the biases, subtracts the penalties and applies the mask, in place. logits: (vocab,)."""
    params = sequence.sampling_params
    if params.logit_bias:
        token_ids, biases = zip(*params.logit_bias, strict=True)
        logits.index_add_(
            0,
            torch.tensor(token_ids, device=logits.device),
            torch.tensor(biases, dtype=torch.float32, device=logits.device),
        )
    if sequence.token_counts is not None:
        penalise(logits, sequence.token_counts, params.frequency_penalty, params.presence_penalty)
    if sequence.guide is not None and sequence.is_masked:
        forbid(logits, sequence.guide.mask())


def sample_on_device(logits: Tensor, sequences: list[Sequence]) -> list[int]:
    """Waits for the device once, at the end."""
    random_rows: tuple[list[int], list[int]] = ([], [])  # without and with top_p or top_k
    for row, sequence in enumerate(sequences):
        params = sequence.sampling_params
        if not params.is_greedy:
            random_rows[params.top_k > 0 or params.top_p < 1].append(row)
    highest, tokens = logits.max(dim=-1)  # both (rows,)
    for is_filtered, rows in enumerate(random_rows):
        if rows:
            drawing = [sequences[row] for row in rows]
            tokens[rows] = _draw_rows(logits[rows], drawing, bool(is_filtered))
    drawn: list[int] = torch.where(highest.isfinite(), tokens, NOT_FINITE).tolist()
    return drawn


def draw(logits: Tensor, uniforms: Tensor) -> Tensor:
    """Inverts the distribution function. logits: (rows, vocab), uniforms: (rows, 1) in [0, 1) -> (rows,)."""
    cumulative = logits.softmax(dim=-1).cumsum(dim=-1)
    index = torch.searchsorted(cumulative, uniforms * cumulative[:, -1:], right=True)
    return index.clamp(max=logits.shape[-1] - 1).squeeze(1)


def drop_unlikely(logits: Tensor, top_p: Tensor, top_k: Tensor) -> Tensor:
    """Keeps as few of the `top_k` likeliest as make up `top_p`. Equal logits are kept or dropped together.

    logits: (rows, vocab) -> the same with -inf, top_p and top_k: (rows, 1).
    """
    ordered = logits.sort(dim=-1, descending=True).values
    ranks = torch.arange(logits.shape[-1], device=logits.device)
    probabilities = ordered.masked_fill(ranks >= top_k, -math.inf).softmax(dim=-1)
    before = probabilities.cumsum(dim=-1) - probabilities
    num_kept = ((before < top_p) & (ranks < top_k)).sum(dim=-1, keepdim=True).clamp(min=1)
    return logits.masked_fill(logits < ordered.gather(-1, num_kept - 1), -math.inf)


def _draw_rows(logits: Tensor, sequences: list[Sequence], is_filtered: bool) -> Tensor:
    params = [sequence.sampling_params for sequence in sequences]
    vocab_size = logits.shape[-1]
    columns = torch.tensor(
        [
            (
                sequence.draw_uniform(),
                each.temperature,
                each.top_p,
                each.top_k if each.top_k > 0 else vocab_size,
            )
            for sequence, each in zip(sequences, params, strict=True)
        ],
        dtype=torch.float32,
    ).to(logits.device)
    uniforms, temperature, top_p, top_k = columns[:, :, None].unbind(dim=1)  # (rows, 1) each
    scaled = logits / temperature
    return draw(drop_unlikely(scaled, top_p, top_k) if is_filtered else scaled, uniforms)


def _sample_in_memory(logits: Tensor, sequences: list[Sequence]) -> list[int]:
    rows = logits.numpy()
    tokens, highest = cpu_sampler.likeliest(rows)
    for row, sequence in enumerate(sequences):
        if not math.isfinite(highest[row]):
            tokens[row] = NOT_FINITE
        elif not sequence.takes_likeliest and not sequence.sampling_params.is_greedy:
            params = sequence.sampling_params
            tokens[row] = cpu_sampler.draw_token(
                rows[row], sequence.draw_uniform(), params.temperature, params.top_p, max(params.top_k, 0)
            )
    return tokens
