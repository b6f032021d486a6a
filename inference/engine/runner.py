"""The seam between the engine and what computes its steps, and which implementation a device gets."""

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

import torch

from inference.config import EngineConfig
from inference.engine.flight import Flight
from inference.engine.model_runner import Decoder, ModelRunner, count_blocks
from inference.engine.scheduler import Chunk
from inference.engine.sequence import Sequence
from inference.models.cuda.support import missing_support

if TYPE_CHECKING:
    from inference.models.decoder import Decoder as OwnDecoder

logger = logging.getLogger(__name__)


class Runner(Protocol):
    """Owns the cache's tensors and computes steps; all calls come from the engine's thread."""

    @property
    def num_blocks(self) -> int: ...

    @property
    def max_ahead_sequences(self) -> int:
        """Up to how many sequences a decode step may be launched for while the tokens of the one before
        are not known yet; 0: `launch` returns when the step is done."""
        ...

    @property
    def max_step_tokens(self) -> int | None:
        """Tokens that a step can compute at most; None: any number."""
        ...

    @property
    def idle_chunk_tokens(self) -> int:
        """Tokens that a step may prefill while nobody waits for a token of a running response."""
        ...

    def run(self, chunks: list[Chunk]) -> list[int | None]: ...
    def launch(self, chunks: list[Chunk]) -> Flight: ...
    def clear(self, blocks: list[int]) -> None: ...
    def note_token(self, sequence: Sequence, token_id: int) -> None: ...
    def release_memory(self) -> None: ...
    def probe(self) -> None: ...


MakeRunner = Callable[[Decoder, torch.device, EngineConfig, int], Runner]


def make_runner(decoder: Decoder, device: torch.device, config: EngineConfig, context_length: int) -> Runner:
    """Returns the fastest runner that supports the decoder on the device.

    Raises `InvalidCheckpoint` or `InvalidConfiguration` where the cache does not fit.
    """
    reason = missing_support(decoder, device)
    if reason is None:
        from inference.engine.cuda_runner import CudaRunner  # late: a machine without a GPU has no Triton

        own: OwnDecoder = decoder  # type: ignore[assignment]  # `missing_support` has looked
        return CudaRunner(own, device, config, context_length)
    if device.type == "cuda":
        logger.warning("%s runs without the fast kernels: %s", device, reason)
    wanted_tokens = context_length * config.max_running_requests
    num_blocks = count_blocks(decoder, device, config.block_size, wanted_tokens, config.kv_cache_tokens)
    return ModelRunner(decoder, device, num_blocks, config.block_size)
