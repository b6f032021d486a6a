"""Draws the next token of each row on the device, without the host.

There are two kernels: `peaks` adds biases, subtracts penalties, applies masks and finds the likeliest token
of each piece of a row; `draw` takes it, or inverts the distribution function at the row's number. The plain
references are `inference/engine/sampler.py` and `cpu_sampler.py`: they keep the same tokens and draw the
same one. Here a bisection over the weights' bits finds thresholds instead of a sort.
"""

import triton
import triton.language as tl
from torch import Tensor
from triton.language.extra.cuda import gdc_launch_dependents, gdc_wait

from inference.kernels.cuda.launch import KernelLaunch
from inference.kernels.cuda.step_rows import SamplingRows, SamplingTables

PIECE = 4096  # tokens


@triton.jit
def peaks_kernel(
    logits, penalties, presences, counters, counts, biases, bias_counts, bias_ids, bias_values,
    mask_rows, masks, kept_rows, kept, best, best_at,
    VOCAB: tl.constexpr, WORDS: tl.constexpr, BIASES: tl.constexpr, PIECE: tl.constexpr,
    OVERLAPS: tl.constexpr,
):  # fmt: skip
    """One program per row and piece. logits are overwritten where a bias, a penalty or a mask applies."""
    row = tl.program_id(0)
    piece = tl.program_id(1)
    column = piece * PIECE + tl.arange(0, PIECE)
    known = column < VOCAB
    if OVERLAPS:
        gdc_launch_dependents()
        gdc_wait()
    values = tl.load(logits + row * VOCAB + column, mask=known, other=-float("inf"))
    is_wrong = tl.max(((values != values) | (values == float("inf"))).to(tl.int32), axis=0)
    kept_row = tl.load(kept_rows + row)
    if kept_row >= 0:
        tl.store(kept + kept_row * VOCAB + column, values, mask=known)
    bias_row = tl.load(biases + row)
    if bias_row >= 0:
        at = bias_row * BIASES
        end = at + tl.load(bias_counts + row)
        while at < end:
            values += tl.where(column == tl.load(bias_ids + at), tl.load(bias_values + at), 0.0)
            at += 1
    counter = tl.load(counters + row)
    if counter >= 0:
        seen = tl.load(counts + counter * VOCAB + column, mask=known, other=0)
        values -= tl.load(penalties + row) * seen.to(tl.float32)
        values -= tl.load(presences + row) * (seen > 0).to(tl.float32)
    mask_row = tl.load(mask_rows + row)
    if mask_row >= 0:
        words = tl.load(masks + mask_row * WORDS + column // 32, mask=known, other=0)
        values = tl.where(((words >> (column % 32)) & 1) != 0, values, -float("inf"))
    if (bias_row >= 0) | (counter >= 0) | (mask_row >= 0):
        tl.store(logits + row * VOCAB + column, values, mask=known)
    value, index = tl.max(values, axis=0, return_indices=True)
    place = row * tl.num_programs(1) + piece
    tl.store(best + place, tl.where(is_wrong > 0, float("inf"), value))
    tl.store(best_at + place, piece * PIECE + index)


@triton.jit
def count_and_sum(weights, VOCAB: tl.constexpr, BLOCK: tl.constexpr, bits):
    """Returns the number and the sum of the weights above the float with these `bits`."""
    many = tl.zeros((BLOCK,), tl.int32)
    total = tl.zeros((BLOCK,), tl.float32)
    lane = tl.arange(0, BLOCK)
    for start in range(0, VOCAB, BLOCK):
        weight = tl.load(weights + start + lane, mask=start + lane < VOCAB, other=0.0)
        is_above = weight.to(tl.int32, bitcast=True) > bits
        many += is_above.to(tl.int32)
        total += tl.where(is_above, weight, 0.0)
    return tl.sum(many), tl.sum(total)


@triton.jit
def draw_kernel(
    logits, best, best_at, uniforms, temperatures, all_top_p, all_top_k, counters, counts, tokens,
    VOCAB: tl.constexpr, PIECES: tl.constexpr, PIECES_2: tl.constexpr, BLOCK: tl.constexpr,
    OVERLAPS: tl.constexpr,
):  # fmt: skip
    """One program per row. Weights overwrite the logits of a row that is drawn at random."""
    row = tl.program_id(0)
    pieces = tl.arange(0, PIECES_2)
    if OVERLAPS:
        gdc_launch_dependents()
        gdc_wait()
    peaks = tl.load(best + row * PIECES + pieces, mask=pieces < PIECES, other=-float("inf"))
    highest = tl.max(peaks, axis=0)
    token = tl.load(best_at + row * PIECES + tl.argmax(peaks, axis=0))
    temperature = tl.load(temperatures + row)
    is_finite = (highest > -float("inf")) & (highest < float("inf"))
    if is_finite & (temperature >= 1e-4):
        lane = tl.arange(0, BLOCK)
        weights = logits + row * VOCAB
        sums = tl.zeros((BLOCK,), tl.float32)
        for start in range(0, VOCAB, BLOCK):
            inside = start + lane < VOCAB
            logit = tl.load(weights + start + lane, mask=inside, other=-float("inf"))
            weight = tl.exp((logit - highest) / temperature)
            tl.store(weights + start + lane, weight, mask=inside)
            sums += weight
        mass = tl.sum(sums)
        tl.debug_barrier()
        top_k = tl.load(all_top_k + row)
        top_p = tl.load(all_top_p + row)
        # The bits of non-negative floats have the order of the floats: from 0 up to 1.0, the largest weight.
        lightest = 0
        if top_k > 0:
            low = -1  # too many lie above
            high = 0x3F800000  # fewer than top_k lie above
            while high - low > 1:
                middle = low + (high - low) // 2
                many, total = count_and_sum(weights, VOCAB, BLOCK, middle)
                if many >= top_k:
                    low = middle
                else:
                    high = middle
            lightest = high
            many, total = count_and_sum(weights, VOCAB, BLOCK, lightest)
            mass = total + (top_k - many).to(tl.float32) * tl.cast(lightest, tl.float32, bitcast=True)
        if top_p < 1:
            low = lightest - 1  # too much lies above
            high = 0x3F800000
            while high - low > 1:
                middle = low + (high - low) // 2
                many, total = count_and_sum(weights, VOCAB, BLOCK, middle)
                if total >= top_p * mass:
                    low = middle
                else:
                    high = middle
            lightest = high
        kept = 0.0
        for start in range(0, VOCAB, BLOCK):
            weight = tl.load(weights + start + lane, mask=start + lane < VOCAB, other=0.0)
            kept += tl.sum(tl.where(weight.to(tl.int32, bitcast=True) >= lightest, weight, 0.0))
        target = tl.load(uniforms + row) * kept
        before = 0.0
        chosen = -1
        chosen_before = 0.0
        last = 0
        last_before = 0.0
        for start in range(0, VOCAB, BLOCK):
            weight = tl.load(weights + start + lane, mask=start + lane < VOCAB, other=0.0)
            inside_sum = tl.sum(tl.where(weight.to(tl.int32, bitcast=True) >= lightest, weight, 0.0))
            is_here = (chosen < 0) & (before + inside_sum > target)
            chosen = tl.where(is_here, start, chosen)
            chosen_before = tl.where(is_here, before, chosen_before)
            last = tl.where(inside_sum > 0, start, last)
            last_before = tl.where(inside_sum > 0, before, last_before)
            before += inside_sum
        first = tl.where(chosen < 0, last, chosen)
        before = tl.where(chosen < 0, last_before, chosen_before)
        weight = tl.load(weights + first + lane, mask=first + lane < VOCAB, other=0.0)
        weight = tl.where(weight.to(tl.int32, bitcast=True) >= lightest, weight, 0.0)
        running = tl.cumsum(weight, axis=0)
        beyond = tl.min(tl.where((running > target - before) & (weight > 0), lane, BLOCK), axis=0)
        last_lane = tl.max(
            tl.where(weight > 0, lane, 0), axis=0
        )  # where the two sums are rounded differently
        token = first + tl.minimum(beyond, last_lane)
    token = tl.where(is_finite, token, -1)
    tl.store(tokens + row, token)
    counter = tl.load(counters + row)
    if counter >= 0:
        at = counts + counter * VOCAB + tl.maximum(token, 0)
        tl.store(at, tl.load(at) + 1)


def draw(
    logits: Tensor,
    sampling: SamplingRows,
    tables: SamplingTables,
    counts: Tensor,
    tokens: Tensor,
    *,
    best: Tensor,
    best_at: Tensor,
    rows: int,
    overlaps: bool = False,
) -> list[KernelLaunch]:
    """Draws from the first `rows` rows of logits (all rows, vocab) float32 -> tokens (all rows,) int32.

    counts: (counters, vocab) int32, in which tokens of rows with a counter are counted. best and best_at:
    (all rows * pieces,), from one kernel to the other.
    """
    vocab = logits.shape[1]
    pieces = count_pieces(vocab)
    peaks = (
        logits,
        sampling.penalties,
        sampling.presences,
        sampling.counters,
        counts,
        sampling.biases,
        sampling.bias_counts,
        tables.bias_ids,
        tables.bias_values,
        sampling.masks,
        tables.masks,
        sampling.kept,
        tables.kept,
        best,
        best_at,
    )
    sizes = {"WORDS": tables.masks.shape[1], "BIASES": tables.bias_ids.shape[1]}
    return [
        KernelLaunch(
            peaks_kernel,
            (rows, pieces, 1),
            peaks,
            {"VOCAB": vocab, **sizes, "PIECE": PIECE, "OVERLAPS": overlaps},
            4,
            1,
            overlaps,
        ),
        KernelLaunch(
            draw_kernel,
            (rows, 1, 1),
            (
                logits,
                best,
                best_at,
                sampling.uniforms,
                sampling.temperatures,
                sampling.top_p,
                sampling.top_k,
                sampling.counters,
                counts,
                tokens,
            ),
            {
                "VOCAB": vocab,
                "PIECES": pieces,
                "PIECES_2": triton.next_power_of_2(pieces),
                "BLOCK": min(8192, triton.next_power_of_2(vocab)),
                "OVERLAPS": overlaps,
            },
            16,
            1,
            overlaps,
        ),
    ]


def count_pieces(vocab: int) -> int:
    return -(-vocab // PIECE)
