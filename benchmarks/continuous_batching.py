"""transformers' continuous batching, streamed, so that its times can be compared with the engine's."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from transformers import GenerationConfig

from testbed.reference_decoder import NO_TOKEN, ReferenceDecoder

# As it comes it takes most of the free memory for its cache, and is slow until all of that was touched.
SIZES = {"page_size": 32, "num_blocks": 512, "max_batch_tokens": 64}
TIMEOUT_SECONDS = 120


class ContinuousBatching:
    """Opened by `continuous_batching`. Its results arrive on the event loop of the caller."""

    def __init__(self, manager: Any) -> None:
        self._manager = manager  # transformers' own, untyped

    async def ask(self, prompt: list[int], max_tokens: int) -> list[float]:
        """Returns when each new token came, `time.monotonic()` seconds."""
        times: list[float] = []
        is_done = asyncio.Event()

        def note(output: Any) -> None:
            new = len(output.generated_tokens) - len(times)
            times.extend([time.monotonic()] * new)
            if output.is_finished():
                is_done.set()

        request_id = f"{id(times)}-{time.monotonic_ns()}"
        self._manager.register_result_handler(request_id, note)
        self._manager.add_request(
            prompt, request_id=request_id, max_new_tokens=max_tokens, streaming=True, eos_token_id=NO_TOKEN
        )
        async with asyncio.timeout(TIMEOUT_SECONDS):
            await is_done.wait()
        return times


@contextmanager
def continuous_batching(decoder: ReferenceDecoder, **sizes: int) -> Iterator[ContinuousBatching]:
    from transformers.generation.configuration_utils import ContinuousBatchingConfig

    implementation = decoder.reference.config._attn_implementation
    generation = GenerationConfig(do_sample=False, eos_token_id=NO_TOKEN, pad_token_id=0, max_new_tokens=64)
    config = ContinuousBatchingConfig(allow_block_sharing=False, **sizes)
    with (
        torch.no_grad(),
        decoder.reference.continuous_batching_context_manager(
            generation_config=generation, continuous_batching_config=config, warmup=False, timeout=10
        ) as manager,
    ):
        yield ContinuousBatching(manager)
    decoder.reference.set_attn_implementation(implementation)  # it has put its own in place
