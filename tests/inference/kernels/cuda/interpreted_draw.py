"""Runs the sampling kernels in Triton's interpreter, on the CPU, and compares them with the plain sampler.

A program, since the interpreter is chosen by `TRITON_INTERPRET=1` when Triton is imported.
"""

import numpy as np
import torch

from inference.engine.cpu_sampler import draw_token
from inference.engine.sampler import forbid, penalise
from inference.kernels.cuda.sampling import count_pieces, draw
from inference.kernels.cuda.step_rows import SamplingRows, SamplingTables

ROWS, VOCAB, BIASES = 24, 264, 8


def words_of(allowed: torch.Tensor) -> np.ndarray:
    bits = np.packbits(allowed.numpy(), bitorder="little")
    return np.pad(bits, (0, -len(bits) % 4)).view(np.int32).copy()


def column(value: float, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.full((ROWS,), value, dtype=dtype)


def main() -> None:
    torch.manual_seed(0)
    whole = torch.int32
    sampling = SamplingRows(
        uniforms=torch.rand(ROWS),
        temperatures=column(0.0),
        top_p=column(1.0),
        top_k=column(0, whole),
        penalties=column(0.0),
        presences=column(0.0),
        counters=column(-1, whole),
        biases=column(-1, whole),
        bias_counts=column(0, whole),
        masks=column(-1, whole),
        kept=column(-1, whole),
    )
    tables = SamplingTables(
        bias_ids=torch.zeros(ROWS, BIASES, dtype=whole),
        bias_values=torch.zeros(ROWS, BIASES),
        masks=torch.zeros(ROWS, -(-VOCAB // 32), dtype=whole),
        kept=torch.zeros(ROWS, VOCAB),
    )
    counts, tokens = torch.zeros(ROWS, VOCAB, dtype=whole), torch.zeros(ROWS, dtype=whole)
    logits = 3 * torch.randn(ROWS, VOCAB)
    raw, expected = logits.clone(), logits.clone()
    for row in range(ROWS):
        if row % 2:
            table = ROWS - 1 - row
            ids, values = torch.randperm(VOCAB)[:BIASES].int(), 4 * torch.randn(BIASES)
            sampling.biases[row], sampling.bias_counts[row] = table, 5
            tables.bias_ids[table], tables.bias_values[table] = ids, values
            expected[row].index_add_(0, ids[:5], values[:5])
        if row % 3:
            sampling.counters[row], sampling.penalties[row], sampling.presences[row] = row, 0.5, 1.5
            counts[row] = torch.randint(0, 4, (VOCAB,))
            penalise(expected[row], counts[row].float(), 0.5, 1.5)
        if row % 5:
            allowed = torch.rand(VOCAB) < 0.1
            sampling.masks[row] = (row * 7) % ROWS
            tables.masks[(row * 7) % ROWS] = torch.from_numpy(words_of(allowed))
            forbid(expected[row], words_of(allowed))
        if row % 7 == 0:
            sampling.kept[row] = row // 7
    sampling.temperatures[ROWS // 2 :] = 1.0
    before = counts.clone()
    best = torch.zeros(ROWS * count_pieces(VOCAB))
    launches = draw(logits, sampling, tables, counts, tokens, best=best, best_at=best.to(whole), rows=ROWS)
    for launch in launches:
        launch.kernel[launch.grid](*launch.arguments, **launch.constants)
    uniforms = sampling.uniforms.tolist()
    chosen = [
        int(row.argmax()) if index < ROWS // 2 else draw_token(row, uniforms[index], 1.0, 1.0, 0)
        for index, row in enumerate(expected.numpy())
    ]
    assert tokens.tolist() == chosen, (tokens.tolist(), chosen)
    assert torch.equal(tables.kept[: -(-ROWS // 7)], raw[::7])
    counted = counts - before
    assert counted.sum(1).tolist() == [int(row % 3 > 0) for row in range(ROWS)]
    assert all(counted[row, tokens[row]] == 1 for row in range(ROWS) if row % 3)


if __name__ == "__main__":
    main()
