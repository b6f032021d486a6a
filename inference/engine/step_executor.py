"""The interface between the engine and what computes its steps, and which implementation a device gets."""

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

import torch

from inference.config import EngineConfig
from inference.devices import is_gpu
from inference.engine.cache_tensors import count_blocks
from inference.engine.language_model import CausalModel
from inference.engine.model_runner import ModelRunner
from inference.engine.pending_step import PendingStep
from inference.engine.scheduler import Chunk
from inference.engine.sequence import Sequence
from inference.models.cuda.support import missing_support

if TYPE_CHECKING:
    from inference.models.decoder import Decoder

logger = logging.getLogger(__name__)


class StepExecutor(Protocol):
    """Owns the cache's tensors and computes steps. Every call comes from the engine's thread."""

    @property
    def num_blocks(self) -> int: ...

    @property
    def max_ahead_sequences(self) -> int:
        """The largest decode step, in sequences, that may be launched before the tokens of the previous step
        are known; 0: `launch` returns when the step is done."""
        ...

    @property
    def max_step_tokens(self) -> int | None:
        """The most tokens that a step can compute; None: any number."""
        ...

    @property
    def idle_chunk_tokens(self) -> int:
        """Tokens that a step may prefill while no sequence is decoding."""
        ...

    @property
    def min_forced_chunk(self) -> int:
        """The number of forced tokens from which on one step is faster than one decode step for each."""
        ...

    def run(self, chunks: list[Chunk]) -> list[int | None]:
        """Returns the next token of each chunk that is sampled, and None for the others."""
        ...

    def launch(self, chunks: list[Chunk]) -> PendingStep: ...

    def clear(self, blocks: list[int]) -> None:
        """Called before newly allocated blocks are used."""
        ...

    def note_token(self, sequence: Sequence, token_id: int) -> None:
        """Called with each token that a sequence with a penalty gets."""
        ...

    def release_memory(self) -> None:
        """Called before a step that ran out of memory is tried again."""
        ...

    def probe(self) -> None:
        """Raises when the device itself does not work any more."""
        ...


MakeExecutor = Callable[[CausalModel, torch.device, EngineConfig, int], StepExecutor]


def make_executor(
    decoder: CausalModel, device: torch.device, config: EngineConfig, context_length: int
) -> StepExecutor:
    """Returns the fastest executor that supports the decoder on the device.

    Raises `InvalidCheckpoint` or `InvalidConfiguration` where the cache does not fit.
    """
    reason = missing_support(decoder, device)
    if reason is None:
        from inference.engine.cuda_runner import CudaRunner  # late: a machine without a GPU has no Triton

        own: Decoder = decoder  # type: ignore[assignment]  # `missing_support` has checked
        return CudaRunner(own, device, config, context_length)
    if is_gpu(device):
        logger.warning("%s runs without the fast kernels: %s", device, reason)
    wanted_tokens = context_length * config.max_running_requests
    num_blocks = count_blocks(decoder, device, config.block_size, wanted_tokens, config.kv_cache_tokens)
    return ModelRunner(decoder, device, num_blocks, config.block_size)
