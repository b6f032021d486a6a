"""The log probabilities of one step on a device, for the sequences that request them."""

import torch
from torch import Tensor

from inference.engine.sampler import NOT_FINITE
from inference.engine.sequence import SampledLogprobs, Sequence


class StepLogprobs:
    """Launches what computes them behind the step; `hand_out` is called when the step is done."""

    def __init__(self, rows: list[tuple[int, Sequence]], kept: Tensor, tokens: Tensor) -> None:
        """`rows` are those that are drawn, in order, with their sequences. kept: (rows, vocab), as the step's
        staging numbers the sequences that request log probabilities. tokens: (rows,) int32."""
        wanting = [(row, each) for row, each in rows if each.sampling_params.logprobs is not None]
        self._sequences = [sequence for _, sequence in wanting]
        if not wanting:
            return
        count = max(sequence.sampling_params.logprobs or 0 for sequence in self._sequences)
        logprobs = kept[: len(wanting)].log_softmax(dim=-1)
        drawn = tokens[[row for row, _ in wanting]].long()
        top = logprobs.topk(count)
        self._tokens = _to_host(drawn)
        self._drawn = _to_host(logprobs.gather(1, drawn.clamp(min=0)[:, None])[:, 0])
        self._top_ids, self._top_values = _to_host(top.indices), _to_host(top.values)

    def hand_out(self) -> None:
        """Sets `sampled_logprobs` of the sequences."""
        for row, sequence in enumerate(self._sequences):
            if self._tokens[row] == NOT_FINITE:
                continue
            count = sequence.sampling_params.logprobs or 0
            ids, values = self._top_ids[row, :count].tolist(), self._top_values[row, :count].tolist()
            top = list(zip(ids, values, strict=True))
            sequence.sampled_logprobs = SampledLogprobs(self._drawn[row].item(), top)


def _to_host(values: Tensor) -> Tensor:
    memory = torch.empty(values.shape, dtype=values.dtype, pin_memory=values.is_cuda)
    return memory.copy_(values, non_blocking=True)
